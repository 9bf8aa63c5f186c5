// Package compose_test checks the files of the Docker stack without a Docker engine: docker-compose.yaml with the
// Compose specification's own loader, each component's configuration with its own types where they are a Go library.
package compose_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// load reads docker-compose.yaml as Docker Compose does: schema, interpolation and consistency are checked.
func load(t *testing.T, env ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"docker-compose.yaml"}, cli.WithEnv(env), cli.WithResolvedPaths(true))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

// once reports whether a service is a task that ends, rather than one that keeps running.
func once(service *types.ServiceConfig) bool { return service.Restart == "no" }

// listening holds the ports that each service listens on inside the stack.
var listening = map[string][]int{
	"server":            {8080, 8081},
	"postgres-exporter": {9187},
	"redis-exporter":    {9121},
	"node-exporter":     {9100},
	"postgres":          {5432},
	"redis":             {6379},
	"collector":         {4317, 4318, 8888, 13133},
	"jaeger":            {4317, 4318, 8888, 13133, 16686},
	"loki":              {3100},
	"prometheus":        {9090},
	"alertmanager":      {9093},
	"pager":             {8091},
	"grafana":           {3000},
	"home":              {8090},
	"blackbox":          {9115},
	"probe":             {8092},
}

// requireListening fails unless host:port is a service of the stack and a port it listens on.
func requireListening(t *testing.T, project *types.Project, address string) {
	t.Helper()
	host, port, ok := strings.Cut(address, ":")
	require.True(t, ok, "%q: want host:port", address)
	require.Contains(t, project.Services, host, "%q names no service of docker-compose.yaml", address)
	number, err := strconv.Atoi(port)
	require.NoError(t, err, "%q", address)
	require.Contains(t, listening[host], number, "%q: %s does not listen there", address, host)
}

// decode reads a YAML file into value; a key that value does not have is an error.
func decode(t *testing.T, path string, value any) {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(value), path)
}
