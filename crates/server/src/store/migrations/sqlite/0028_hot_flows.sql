-- Doubts are found among the unfinished flows and the open reviews.
DROP INDEX flow_doubt;
