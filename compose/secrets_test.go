package compose_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/stretchr/testify/require"
)

// makeSecrets runs `make secrets` for a folder of its own.
func makeSecrets(t *testing.T, folder string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "make", "--silent", "--directory", repository, "secrets", "SECRETS="+folder)
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

func TestSecrets(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "secrets")
	makeSecrets(t, folder)
	read := func(name string) string {
		content, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		return string(content)
	}

	t.Run("every secret of the stack is made", func(t *testing.T) {
		for name, secret := range load(t).Secrets {
			isStripes := strings.HasPrefix(name, "stripe_") // theirs cannot be made here
			require.Equal(t, isStripes, read(filepath.Base(secret.File)) == "", name)
		}
	})
	t.Run("every file that the local Alertmanager configuration names is made", func(t *testing.T) {
		config, err := amconfig.LoadFile("alertmanager/alertmanager.local.yml")
		require.NoError(t, err)
		for _, receiver := range config.Receivers {
			for _, webhook := range receiver.WebhookConfigs {
				name, ok := strings.CutPrefix(webhook.URLFile, "secrets/")
				require.True(t, ok, "%s of %s", webhook.URLFile, receiver.Name)
				require.Regexp(t, `^http://pager:8091/(webhook|watchdog)$`, read(filepath.Join("alertmanager", name)))
			}
		}
	})
	t.Run("the server logs in with the password that PostgreSQL is given", func(t *testing.T) {
		require.Equal(t, "postgres:5432:market:market:"+read("postgres_password")+"\n", read("pgpass"))
		require.GreaterOrEqual(t, len(read("postgres_password")), 32)
		require.NotEqual(t, read("postgres_password"), read("grafana_admin_password"))
	})
	t.Run("the folder is closed to other users, its files are open to the containers'", func(t *testing.T) {
		info, err := os.Stat(folder)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
		for _, name := range []string{"postgres_password", "pgpass", "postgres_monitor_password", "grafana_admin_password"} {
			info, err := os.Stat(filepath.Join(folder, name))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o444), info.Mode().Perm(), name)
		}
	})
	t.Run("a second run changes nothing", func(t *testing.T) {
		before := read("postgres_password")
		makeSecrets(t, folder)
		require.Equal(t, before, read("postgres_password"))
	})
	t.Run("git does not see them", func(t *testing.T) {
		ignored, err := os.ReadFile(filepath.Join(repository, ".gitignore"))
		require.NoError(t, err)
		require.Contains(t, strings.Split(string(ignored), "\n"), "/compose/secrets/")
	})
}
