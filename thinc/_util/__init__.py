"""Small helpers that every higher floor may use; `thinc.util` is their public face."""
