-- A flow moves several times a second, and PostgreSQL writes each of its index entries anew where a
-- column of any index changes: its state is in none any more. Doubts are found among the unfinished
-- and the open reviews.
DROP INDEX flow_doubt;
-- Room in each page for a row's next versions.
ALTER TABLE flow SET (fillfactor = 60);
ALTER TABLE account SET (fillfactor = 60);
