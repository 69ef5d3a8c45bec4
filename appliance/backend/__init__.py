"""Where replies come from: one folder for each kind of backend."""
