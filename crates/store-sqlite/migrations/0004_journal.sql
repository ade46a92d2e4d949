-- The journal beside the file, counts that need no fleet to be gone through, and shorter indexes.

-- Up to which number the reports in the journal are in the tables.
CREATE TABLE journal (
    folded INTEGER NOT NULL
) STRICT;
INSERT INTO journal (folded) VALUES (0);

-- How many of a script's own device states there are of each run state. The triggers below keep it
-- where states come and go; whoever changes what a state shows keeps it too, for many at once.
CREATE TABLE run_state_count (
    script_pk INTEGER NOT NULL REFERENCES script ON DELETE CASCADE,
    run_state INTEGER NOT NULL,
    count     INTEGER NOT NULL,
    PRIMARY KEY (script_pk, run_state)
) STRICT, WITHOUT ROWID;
INSERT INTO run_state_count (script_pk, run_state, count)
    SELECT script_pk, run_state, count(*) FROM device_run_state
    WHERE user_state_pk = 0 GROUP BY script_pk, run_state;

CREATE TRIGGER run_state_comes AFTER INSERT ON device_run_state WHEN new.user_state_pk = 0 BEGIN
    INSERT INTO run_state_count (script_pk, run_state, count)
        VALUES (new.script_pk, new.run_state, 1)
        ON CONFLICT (script_pk, run_state) DO UPDATE SET count = count + 1;
END;
-- Where the script goes, so do its counts, in whichever order.
CREATE TRIGGER run_state_goes AFTER DELETE ON device_run_state WHEN old.user_state_pk = 0 BEGIN
    UPDATE run_state_count SET count = count - 1
        WHERE script_pk = old.script_pk AND run_state = old.run_state;
END;

-- Without the id at the end of each entry, for that was most of it: rows that agree in everything else
-- are in the order in which they came.
DROP INDEX device_run_state_by_outcome;
CREATE INDEX device_run_state_by_outcome ON device_run_state
    (script_pk, user_state_pk, run_state, last_state_update_date_time);
DROP INDEX device_run_state_by_update;
CREATE INDEX device_run_state_by_update ON device_run_state
    (script_pk, user_state_pk, last_state_update_date_time);
