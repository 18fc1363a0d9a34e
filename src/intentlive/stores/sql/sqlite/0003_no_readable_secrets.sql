-- works with: 3
ALTER TABLE apps DROP COLUMN secret;

ALTER TABLE apps DROP COLUMN public_key;
