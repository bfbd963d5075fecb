-- The part of database mtr that shows the state a test must leave as it found it.
-- Run once, at bootstrap.

use mtr;

delimiter //

CREATE DEFINER=root@localhost PROCEDURE check_testcase()
BEGIN
  -- Settings, except for those that move by themselves or follow from the machine.
  SELECT * FROM information_schema.global_variables
    WHERE variable_name NOT IN ('TIMESTAMP', 'INNODB_IBUF_MAX_SIZE', 'INNODB_LOG_FILE_BUFFERING',
      'INNODB_USE_NATIVE_AIO', 'INNODB_BUFFER_POOL_LOAD_AT_STARTUP', 'GTID_BINLOG_STATE', 'THREAD_POOL_SIZE')
    AND variable_name NOT LIKE 'LAST\_IO\_ERR%'
    AND variable_name NOT LIKE 'GTID%POS'
    ORDER BY variable_name;

  -- Objects: databases, tables, and everything that runs by itself or by name.
  SELECT * FROM information_schema.schemata ORDER BY BINARY schema_name;
  SELECT table_name AS tables_in_test FROM information_schema.tables
    WHERE table_schema = 'test' ORDER BY table_name;
  SELECT table_schema, table_name FROM information_schema.tables
    WHERE table_schema = 'mysql' ORDER BY table_name;
  SELECT table_name, column_name, ordinal_position, column_default, is_nullable, column_type,
    collation_name, column_key, extra, column_comment
    FROM information_schema.columns
    WHERE table_schema = 'mysql' ORDER BY table_name, ordinal_position;
  SELECT * FROM information_schema.events ORDER BY event_schema, event_name;
  SELECT * FROM information_schema.triggers
    WHERE trigger_schema <> 'sys' AND trigger_name NOT IN ('gs_insert', 'ts_insert')
    ORDER BY trigger_schema, trigger_name;
  SELECT * FROM information_schema.routines
    WHERE routine_schema <> 'sys' ORDER BY routine_schema, routine_type, routine_name;
  SELECT * FROM information_schema.plugins
    WHERE plugin_status <> 'INACTIVE' ORDER BY plugin_name, plugin_type;

  -- Contents: accounts, privileges, functions, time zones.
  CHECKSUM TABLE mysql.columns_priv, mysql.db, mysql.func, mysql.global_priv, mysql.help_category,
    mysql.help_keyword, mysql.help_relation, mysql.plugin, mysql.procs_priv, mysql.roles_mapping,
    mysql.tables_priv, mysql.time_zone, mysql.time_zone_leap_second, mysql.time_zone_name,
    mysql.time_zone_transition, mysql.time_zone_transition_type;

  -- Replication and debugging facilities.
  SHOW STATUS LIKE 'slave\_open\_temp\_tables';
  SELECT * FROM information_schema.session_variables WHERE variable_name = 'DEBUG_SYNC';
END//
