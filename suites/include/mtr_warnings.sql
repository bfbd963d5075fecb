-- The part of database mtr that decides which lines of an error log a test may cause.
-- Run once, at bootstrap.

use mtr;

delimiter //

-- What the running test expects; emptied by check_warnings after each test.
CREATE TABLE test_suppressions (
  pattern VARCHAR(255)
) ENGINE=MyISAM//

-- What no test is to blame for.
CREATE TABLE global_suppressions (
  pattern VARCHAR(255)
) ENGINE=MyISAM//

-- An invalid pattern fails where it is inserted, not when it is first used.
CREATE DEFINER=root@localhost TRIGGER ts_insert BEFORE INSERT ON test_suppressions
FOR EACH ROW
BEGIN
  DECLARE ignored INT;
  SET ignored = '' REGEXP NEW.pattern;
END//

CREATE DEFINER=root@localhost TRIGGER gs_insert BEFORE INSERT ON global_suppressions
FOR EACH ROW
BEGIN
  DECLARE ignored INT;
  SET ignored = '' REGEXP NEW.pattern;
END//

INSERT INTO global_suppressions VALUES
  ('Aborted connection'),
  ('Event Scheduler'),
  ('Forcing shutdown of [0-9]+ plugins'),
  ('InnoDB: Unable to lock'),
  ('Lock wait timeout exceeded'),
  ('Plugin .* is of maturity level'),
  ('deprecated'),
  ('lower_case_table_names'),
  ('setrlimit could not change the size of core files'),
  ('skip-name-resolve mode'),
  ('unknown (option|variable) .--loose-'),
  ('unknown (option|variable) .loose-')//

-- Called by tests: lines that match the pattern are no failure of this test on this server.
CREATE DEFINER=root@localhost PROCEDURE add_suppression(pattern VARCHAR(255))
BEGIN
  INSERT INTO test_suppressions (pattern) VALUES (pattern);
  -- So that it is on disk when the test kills the server next.
  FLUSH NO_WRITE_TO_BINLOG TABLE test_suppressions;
END//

-- Called after a test, in a session that has put the suspicious lines into a temporary table
-- error_log. Shows the lines that nothing suppresses; result is 0 if there are none, else 2.
CREATE DEFINER=root@localhost PROCEDURE check_warnings(OUT result INT)
BEGIN
  DECLARE remaining BIGINT UNSIGNED;
  SET SESSION sql_log_bin = 0, SESSION sql_safe_updates = 0;
  UPDATE error_log JOIN global_suppressions AS known ON error_log.line REGEXP known.pattern
    SET error_log.suspicious = 0;
  UPDATE error_log JOIN test_suppressions AS expected ON error_log.line REGEXP expected.pattern
    SET error_log.suspicious = 0;
  SELECT COUNT(*) INTO remaining FROM error_log WHERE suspicious = 1;
  IF remaining > 0 THEN
    SELECT line FROM error_log WHERE suspicious = 1;
  END IF;
  SET result = IF(remaining > 0, 2, 0);
  TRUNCATE TABLE test_suppressions;
  DROP TEMPORARY TABLE error_log;
END//
