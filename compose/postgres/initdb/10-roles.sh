#!/bin/sh
# The first start: a role per service, and what each may do. `millrace_migrate` owns the schema; the services read and
# write rows. They also make and drop partitions of finished tasks, and tables of vectors: such tables belong to
# `millrace_services`, of which all of them are members, whoever made them.
set -eu
psql -v ON_ERROR_STOP=1 --no-psqlrc --username postgres --dbname millrace <<'SQL'
create role millrace_services nologin;
create role millrace_migrate login;
create role millrace_api login;
create role millrace_worker login;
create role millrace_beat login;
grant millrace_services to millrace_migrate, millrace_api, millrace_worker, millrace_beat;

alter role millrace_migrate set statement_timeout = 0;
alter role millrace_api set statement_timeout = '30s';
alter role millrace_worker set statement_timeout = '60s';
alter role millrace_beat set statement_timeout = '30s';

revoke all on database millrace, postgres, template1 from public;
grant connect, temporary on database millrace to millrace_services;
revoke all on schema public from public;
grant usage, create on schema public to millrace_services;
alter default privileges for role millrace_migrate in schema public
  grant select, insert, update, delete, references on tables to millrace_services;
alter default privileges for role millrace_migrate in schema public
  grant usage, select, update on sequences to millrace_services;
create extension if not exists vector;

create function public.millrace_share_tables() returns event_trigger
language plpgsql security definer set search_path = pg_catalog as $$
declare
  made record;
begin
  for made in
    select command.objid, class.relname, class.relispartition
      from pg_event_trigger_ddl_commands() command join pg_class class on class.oid = command.objid
     where command.classid = 'pg_class'::regclass and class.relkind in ('r', 'p') and class.relpersistence <> 't'
  loop
    if session_user in ('millrace_api', 'millrace_worker', 'millrace_beat')
       or made.relname = 'tasks_finished' or (made.relispartition and made.relname like 'tasks\_finished\_%') then
      execute format('alter table %s owner to millrace_services', made.objid::regclass);
    end if;
  end loop;
end $$;
revoke all on function public.millrace_share_tables() from public;
create event trigger millrace_share_tables on ddl_command_end
  when tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO') execute function public.millrace_share_tables();
SQL
psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --username postgres --dbname millrace --file /run/secrets/millrace/roles.sql
