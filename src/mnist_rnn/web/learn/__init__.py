"""Make `learn.html`, the page that trains a network in the browser."""
