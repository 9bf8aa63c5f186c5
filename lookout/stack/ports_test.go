package stack

import (
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPorts(t *testing.T) {
	tests := map[string]struct {
		offset   int
		settings []string
		want     int // of the server
		problem  string
	}{
		"by default the server has 8080":                  {want: 8080},
		"an offset moves every port":                      {offset: 10000, want: 18080},
		"a setting wins over the offset":                  {offset: 10000, settings: []string{"server=9000"}, want: 9000},
		"a misspelt name is told the nearest":             {settings: []string{"sever=9000"}, problem: `did you mean "server"?`},
		"a setting without a port is told the form":       {settings: []string{"server"}, problem: "want NAME=PORT, for example server=9000"},
		"a port that is no number is refused":             {settings: []string{"server=http"}, problem: `"http" is not a number`},
		"a port above 65535 is refused":                   {settings: []string{"server=65536"}, problem: "want 1 to 65535"},
		"an offset that leads out of the range is too":    {offset: 60000, problem: "want 1 to 65535"},
		"two programs cannot have one port":               {settings: []string{"server=9090"}, problem: "prometheus and server both have port 9090"},
		"ports can be swapped, as all are set together":   {settings: []string{"server=9090", "prometheus=8080"}, want: 9090},
		"an offset below zero is as good as one above it": {offset: -1000, want: 7080},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ports := DefaultPorts(test.offset)
			err := ports.Set(test.settings)
			if test.problem != "" {
				require.ErrorContains(t, err, test.problem)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, ports[PortServer])
			require.Equal(t, "http://127.0.0.1:"+strconv.Itoa(test.want), ports.URL(PortServer))
		})
	}
}

func TestPortInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	taken := listener.Addr().(*net.TCPAddr).Port
	ports := Ports{PortHome: freePorts(t, 1), PortServer: taken}

	err = ports.checkFree(t.Context(), []string{PortHome, PortServer})

	require.ErrorContains(t, err, "port "+strconv.Itoa(taken)+" (server) is in use by ")
	require.ErrorContains(t, err, "(pid "+strconv.Itoa(os.Getpid())+")", "this test holds it")
	require.ErrorContains(t, err, "change ours with --port server=PORT")
	require.ErrorContains(t, err, "Nothing was started")
	require.NotContains(t, err.Error(), "(home)", "its port is free")
}
