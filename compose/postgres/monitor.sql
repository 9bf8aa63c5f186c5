-- The role that postgres-exporter logs in with: PostgreSQL's statistics, and no row of the market. Run with psql at every
-- start; what is there already stays, and a new password takes effect. Variables: role, password_file.

\set password `cat :'password_file'`

SELECT format('CREATE ROLE %I', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec

ALTER ROLE :"role" WITH LOGIN PASSWORD :'password'
  NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 5;
ALTER ROLE :"role" SET default_transaction_read_only = on;
ALTER ROLE :"role" SET statement_timeout = '3s'; -- a scrape gives up after 4 s
GRANT pg_monitor TO :"role";
