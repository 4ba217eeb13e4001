-- Whether a signal was shown before is asked inside the writer's transaction: along an index.
CREATE INDEX review_about ON review (shop, about, reason, opened_at) WHERE about IS NOT NULL;
-- The doubts that wait for a person, without the signals among the reviews.
CREATE INDEX review_waiting ON review (flow) WHERE closed_at IS NULL AND about IS NULL;
