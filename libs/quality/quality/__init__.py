"""Quality of data: the same rules for files, pushes and a provider's own machine. Pure: values in, findings out."""
