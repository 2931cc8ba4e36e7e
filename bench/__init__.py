"""What the maintainers run: tables of the documents, IAM policies, speed. Nothing else imports it."""
