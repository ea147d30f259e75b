"""Make the pages: the site, the pad to draw on, and the page that trains in the browser."""
