package main_test

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/redis/redistest"
	"github.com/farmersmarket/platform/server/store/storetest"
)

// TestProductionStartsWithTheEnvironmentAndTheSecretsOfTheDockerStack runs the programs of the stack one after the other,
// as containers would: with exactly their environment, in which only what a container's network and file system have is
// put into terms of this machine.
func TestProductionStartsWithTheEnvironmentAndTheSecretsOfTheDockerStack(t *testing.T) {
	secrets := filepath.Join(t.TempDir(), "secrets")
	output, err := exec.CommandContext(t.Context(), "make", "--silent", "--directory", "..", "secrets", "SECRETS="+secrets).CombinedOutput()
	require.NoError(t, err, "%s", output)
	for name, secret := range map[string]string{"stripe_secret_key": "sk_test_1\n", "stripe_webhook_secret": "whsec_1\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(secrets, name), []byte(secret), 0o600))
	}
	here := stackHere(t, secrets)

	for _, task := range []struct{ command, says string }{{"migrate", "applied 0001"}, {"seed", "nothing is loaded"}} {
		once := exec.CommandContext(t.Context(), program, task.command)
		once.Env = here.environment(t, task.command)
		output, err := once.CombinedOutput()
		require.NoError(t, err, "%s", output)
		require.Contains(t, string(output), task.says)
	}
	var token string
	for range 2 { // what it signed before a restart is good after it
		p := start(t, here.environment(t, "server")...)
		status, body := p.get("/api/ready")
		require.Equal(t, 200, status, body)
		status, body = p.get("/api/v1/farms")
		require.Equal(t, 200, status, body)
		require.Contains(t, body, `"total":0`)
		c := &crashTest{t: t}
		if token == "" {
			c.logIn(p)
			token = c.tokens[0]
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.api+"/api/v1/auth/me", http.NoBody)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, 200, response.StatusCode)
		require.Zero(t, p.stop(syscall.SIGTERM))
	}
}

// dockerStack is the Docker stack, put into terms of this machine.
type dockerStack struct {
	secrets  string
	database string
	redis    string
	images   string
}

func stackHere(t *testing.T, secrets string) dockerStack {
	t.Helper()
	return dockerStack{
		secrets: secrets, database: storetest.PostgreSQL(t), redis: redistest.URL(t).String(), images: "file://" + t.TempDir(),
	}
}

// environment is that of the service in production.
func (d dockerStack) environment(t *testing.T, service string) []string {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../compose/docker-compose.yaml"},
		cli.WithEnv([]string{"ENVIRONMENT=production", "PAYMENTS=stripe"}))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	var environment []string
	for name, value := range project.Services[service].Environment {
		require.NotNil(t, value, name)
		text := *value
		switch name {
		case "DATABASE_URL":
			text = d.databaseURL(t, text)
		case "REDIS_URL":
			text = d.redis
		case "HTTP_ADDR", "ADMIN_ADDR":
			text = "127.0.0.1:0"
		case "IMAGES_URL":
			text = d.images
		case "OTLP_ENDPOINT":
			text = "127.0.0.1:4" // where no collector is
		}
		environment = append(environment, name+"="+strings.ReplaceAll(text, "/run/secrets", d.secrets))
	}
	return environment
}

// databaseURL keeps the parameters of the stack's URL, the file with the password among them.
func (d dockerStack) databaseURL(t *testing.T, ofStack string) string {
	t.Helper()
	stack, err := url.Parse(ofStack)
	require.NoError(t, err)
	here, err := url.Parse(d.database)
	require.NoError(t, err)
	query := here.Query()
	for name, values := range stack.Query() {
		query[name] = values
	}
	here.RawQuery = query.Encode()
	return here.String()
}
