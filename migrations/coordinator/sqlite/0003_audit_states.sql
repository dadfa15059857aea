-- How things stood before and after what a person did, in a few words. Empty in records of versions that didn't say.
ALTER TABLE audit ADD COLUMN state_before TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN state_after TEXT NOT NULL DEFAULT '';
