"""The page that trains: `learn.html`."""
