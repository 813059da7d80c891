"""The whole exchange on one machine, and the story of three units played against it."""
