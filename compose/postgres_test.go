package compose_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// TestMonitorRole runs postgres/monitor.sql as the task monitor-role does, on a real PostgreSQL.
func TestMonitorRole(t *testing.T) {
	ctx := context.WithoutCancel(t.Context()) // also used when the test has ended
	server := cmp.Or(os.Getenv("TEST_POSTGRES_URL"), "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable")
	admin, err := pgx.Connect(ctx, server)
	require.NoError(t, err, "this test needs PostgreSQL: start one, or set TEST_POSTGRES_URL")
	t.Cleanup(func() { _ = admin.Close(ctx) })

	role := fmt.Sprintf("monitor_test_%d", rand.Uint32())
	password := filepath.Join(t.TempDir(), "password")
	setUp := func(value string) {
		require.NoError(t, os.WriteFile(password, []byte(value), 0o600))
		command := exec.CommandContext(t.Context(), "psql", "--dbname", server, "--no-psqlrc", "--quiet",
			"--set=ON_ERROR_STOP=1", "--set=role="+role, "--set=password_file="+password, "--file=postgres/monitor.sql")
		output, err := command.CombinedOutput()
		require.NoError(t, err, "%s", output)
	}
	stored := func() (verifier string) {
		require.NoError(t, admin.QueryRow(ctx, "SELECT rolpassword FROM pg_authid WHERE rolname = $1", role).Scan(&verifier))
		return verifier
	}
	t.Cleanup(func() {
		_, err := admin.Exec(ctx, "DROP ROLE IF EXISTS "+role)
		require.NoError(t, err)
	})
	setUp("it's one")
	config, err := pgx.ParseConfig(server)
	require.NoError(t, err)
	config.User, config.Password = role, "it's one"
	monitor, err := pgx.ConnectConfig(ctx, config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = monitor.Close(ctx) })

	t.Run("it sees statistics", func(t *testing.T) {
		_, err := monitor.Exec(ctx, "SELECT query FROM pg_stat_activity")
		require.NoError(t, err)
		var member bool
		require.NoError(t, monitor.QueryRow(ctx, "SELECT pg_has_role('pg_monitor', 'member')").Scan(&member))
		require.True(t, member)
	})
	t.Run("it sees nothing that others keep, and writes nothing", func(t *testing.T) {
		table := role + "_orders"
		_, err := admin.Exec(ctx, "CREATE TABLE "+table+" (id int)")
		require.NoError(t, err)
		t.Cleanup(func() {
			_, err := admin.Exec(ctx, "DROP TABLE "+table)
			require.NoError(t, err)
		})
		_, err = monitor.Exec(ctx, "SELECT * FROM "+table)
		require.ErrorContains(t, err, "permission denied")
		_, err = monitor.Exec(ctx, "CREATE TABLE mine (id int)")
		require.ErrorContains(t, err, "read-only transaction")
		_, err = monitor.Exec(ctx, "CREATE ROLE another")
		require.Error(t, err)
	})
	t.Run("a second run gives it the new password", func(t *testing.T) {
		before := stored()
		setUp("two")
		require.NotEqual(t, before, stored())
	})
}
