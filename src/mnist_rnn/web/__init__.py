"""Make the web pages: the site, the drawing pad, and the page that trains in the browser."""
