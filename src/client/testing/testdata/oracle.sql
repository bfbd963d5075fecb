set names latin1, sql_mode = ''

set session_track_schema = on, session_track_state_change = on, session_track_system_variables = '*', session_track_transaction_info = 'CHARACTERISTICS'

drop table if exists oracle_types

create table oracle_types (
  a tinyint, b tinyint unsigned, c smallint zerofill, d mediumint, e int zerofill, f bigint unsigned,
  g float, h double, i float(7,2), j double(20,17), k double(30,10) zerofill, l decimal(30,10),
  m date, n time, o time(6), p datetime, q datetime(3), r timestamp(6) null, s year,
  t bit(9), u varchar(20), v blob, w enum('x','y'), x set('x','y'), y char(5), z json,
  aa inet6, ab uuid, ac point, ad text character set utf8mb4)

insert into oracle_types values
  (-128, 255, 1, -8388608, 1, 18446744073709551615, 100000.5, 0.1, 99999.99, 0.2132576358664934, 12.5,
   12345678901234567890.0123456789, '2001-02-03', '-838:59:59', '-12:13:14.123456', '1999-12-31 23:59:59',
   '2001-02-03 04:05:06.789', '2001-02-03 04:05:06.789012', 2001, b'100000001', 'a\0b', x'00ff80',
   'x', 'x,y', 'z', '{"a": [1, 2]}', '::1', '123e4567-e89b-12d3-a456-426655440000', point(1, 2), 'text'),
  (0, 0, 0, 0, 0, 0, -0.0, -0.0, 0, 0, 0, 0, '0000-00-00', '0:0:0', '0:0:0', '0000-00-00', '0000-00-00',
   '0000-00-00 00:00:00', 0, 0, '', '', '', '', '', '{}', '::', '00000000-0000-0000-0000-000000000000',
   point(0, 0), ''),
  (null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
   null, null, null, null, null, null, null, null, null, null, null, null, null)

select * from oracle_types

select * from oracle_types where 0

select a as alias, count(*), avg(h), std(h), sum(l) from oracle_types group by a order by a

update oracle_types set a = 5 where a is null

update oracle_types set u = 'far too long for this column of twenty' limit 2

show warnings

alter table oracle_types add column ae int

select 1e15, 1e16, 1e-15, 1e-16, 123456789012345678e0, 4.9e-324, 1.7976931348623157e308, 0.1e0, 2e0/3

select cast(1e15 as float), cast(1e-16 as float), cast(123456.5 as float), cast(3.4e38 as float)

select 151174991407311.125e0, 1693317369068235.25e0, -96.077667236328125e0, 5.684341886080802e-14

select round(1e0/3, 20), truncate(0.1e0, 20), round(1e-20, 30), pi(), pi() * 2, round(2.5e0), round(-0.4e0)

select null, true, 'x', x'ff00', 1.50, date'2001-02-03', time'10:11:12.5', timestamp'2001-02-03 04:05:06.7'

select repeat('x', 300000), repeat('y', 16777210)

select 1/0

select * from oracle_missing

selec 1

select 1; select 2; select * from oracle_missing; select 3

use test

set autocommit = 0

begin

insert into oracle_types (a) values (1), (2)

rollback

set autocommit = 1

set @@sql_mode = 'ansi', @x = 5

set sql_mode = ''

select @x, @@sql_mode

drop procedure if exists oracle_procedure

create procedure oracle_procedure(out x int) begin
  set x = 7; select 1 as a; select 'b' as b; select 3 as c, 4 as d; select a, h, u from oracle_types where 0;
end

call oracle_procedure(@x)

create or replace procedure oracle_procedure() begin select 1 as a; select * from oracle_missing; end

call oracle_procedure()

call oracle_procedure_missing()

drop procedure oracle_procedure

explain select * from oracle_types

show create table oracle_types

show tables like 'oracle%'

optimize table oracle_types

analyze table oracle_types

check table oracle_types

delete from oracle_types

truncate table oracle_types

drop table oracle_types
