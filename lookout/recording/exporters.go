package recording

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"go.yaml.in/yaml/v3"
)

var postgres = source{
	program: "postgres_exporter",
	expect:  []string{"pg_up", "pg_stat_database_xact_commit", "pg_stat_activity_count", "pg_stat_user_tables_n_live_tup"},
	prepare: preparePostgres,
}

// preparePostgres makes a database with a table, so that there are statistics of one.
func preparePostgres(ctx context.Context, options Options, r *run) error {
	server, err := pgx.Connect(ctx, options.PostgresURL)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w: start one, or name another with --postgres", err)
	}
	name := fmt.Sprintf("recording_%d", time.Now().UnixNano())
	r.cleanUp = func() error {
		ctx := context.WithoutCancel(ctx)
		_, err := server.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		return errors.Join(err, server.Close(ctx))
	}
	if _, err := server.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return errors.Join(fmt.Errorf("create a database to record: %w", err), r.cleanUp())
	}
	address, err := url.Parse(options.PostgresURL)
	if err == nil {
		address.Path = "/" + name
		err = createTable(ctx, address.String())
	}
	if err != nil {
		return errors.Join(err, r.cleanUp())
	}
	r.env = []string{"DATA_SOURCE_NAME=" + address.String()}
	r.args = []string{"--web.listen-address=" + r.address()}
	return nil
}

func createTable(ctx context.Context, database string) error {
	connection, err := pgx.Connect(ctx, database)
	if err != nil {
		return fmt.Errorf("connect to the database to record: %w", err)
	}
	_, err = connection.Exec(ctx, "CREATE TABLE recorded AS SELECT 1 AS id")
	if err = errors.Join(err, connection.Close(ctx)); err != nil {
		return fmt.Errorf("create a table to record: %w", err)
	}
	return nil
}

var redis = source{
	program: "redis_exporter",
	expect:  []string{"redis_up", "redis_memory_used_bytes", "redis_commands_total", "redis_evicted_keys_total"},
	prepare: func(_ context.Context, options Options, r *run) error {
		r.args = []string{"--web.listen-address=" + r.address()}
		r.env = []string{"REDIS_ADDR=" + options.RedisURL, "REDIS_EXPORTER_CONFIG_COMMAND=-"} // as in the Docker stack
		return nil
	},
}

var node = source{
	program: "node_exporter",
	expect:  []string{"node_cpu_seconds_total", "node_memory_MemAvailable_bytes", "node_disk_io_time_seconds_total"},
	prepare: func(_ context.Context, options Options, r *run) error {
		chosen, err := collectorFlags(filepath.Join(options.Root, "compose", "docker-compose.yaml"), "node-exporter")
		r.args = append(chosen, "--web.listen-address="+r.address())
		return err
	},
}

// collectorFlags returns what the Docker stack's exporter collects, by its command line.
func collectorFlags(file, service string) ([]string, error) {
	content, err := os.ReadFile(file) //nolint:gosec // a file of the repository
	if err != nil {
		return nil, fmt.Errorf("read what %s collects: %w", service, err)
	}
	var project struct {
		Services map[string]struct{ Command yaml.Node }
	}
	var command []string
	if err := yaml.Unmarshal(content, &project); err != nil {
		return nil, fmt.Errorf("read what %s collects from %s: %w", service, file, err)
	}
	node := project.Services[service].Command
	if err := node.Decode(&command); err != nil {
		return nil, fmt.Errorf("read what %s collects from %s: its command: %w", service, file, err)
	}
	var flags []string
	for _, argument := range command {
		if strings.HasPrefix(argument, "--collector.") {
			flags = append(flags, argument)
		}
	}
	return flags, nil
}
