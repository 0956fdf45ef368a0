"""What all pages and calls share: templates, headers, uploads, paging, answers sent again."""
