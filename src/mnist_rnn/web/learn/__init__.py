"""Make the page that trains in the browser, `learn.html`."""
