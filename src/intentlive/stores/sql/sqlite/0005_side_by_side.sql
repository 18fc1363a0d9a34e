-- works with: 3
ALTER TABLE registry ADD COLUMN works_with INTEGER NOT NULL DEFAULT 0;
