"""The interface protocol of Annex 3: one call, granted items only, evidence first."""
