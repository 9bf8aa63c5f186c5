package telemetry_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// attacker sends whatever it likes, over connections that it keeps as long as the server does.
type attacker struct {
	addr   string
	conn   net.Conn
	reader *bufio.Reader
}

func (a *attacker) send(t require.TestingT, method, raw string) {
	if a.conn == nil {
		conn, err := net.Dial("tcp", a.addr)
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
		a.conn, a.reader = conn, bufio.NewReader(conn)
	}
	_, err := io.WriteString(a.conn, raw)
	require.NoError(t, err)
	response, err := http.ReadResponse(a.reader, &http.Request{Method: method})
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	if response.Close || response.StatusCode == http.StatusBadRequest || response.StatusCode == http.StatusRequestHeaderFieldsTooLarge {
		require.NoError(t, a.conn.Close())
		a.conn = nil
	}
}

// hostile draws a request with anything in it that a client chooses.
func hostile(t *rapid.T) (method, raw string) {
	text := rapid.StringMatching(`[!-~]{0,40}`)
	method = rapid.OneOf(rapid.SampledFrom(catalogue.HTTPMethod.Values), rapid.StringMatching(`[A-Z]{1,12}`)).Draw(t, "method")
	path := rapid.OneOf(
		rapid.StringMatching(`/[!-~]{0,60}`),
		rapid.StringMatching(`/(farms|stalls|pictures|market/stalls|anything)/[!-~]{0,20}(/[!-~]{0,9})?`),
	).Draw(t, "path")
	raw = method + " " + path + " HTTP/1.1\r\nHost: " + text.Draw(t, "host") + "\r\nContent-Length: 0\r\n"
	for _, name := range []string{
		"User-Agent", "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Origin", "Content-Type", "X-Request-Id", "tracestate",
	} {
		raw += name + ": " + text.Draw(t, name) + "\r\n"
	}
	raw += "traceparent: " + rapid.OneOf(text, rapid.StringMatching(`00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]`)).Draw(t, "traceparent") + "\r\n"
	raw += "baggage: " + rapid.OneOf(text, rapid.StringMatching(`[a-z]{1,9}=[a-z]{1,9}`)).Draw(t, "baggage") + "\r\n"
	return method, raw + "\r\n"
}

// A client must not be able to make series, whatever it sends.
func TestHostileRequestsLeaveTheNumberOfSeriesConstant(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.Logs, c.SampleRatio = io.Discard, 0.5 })
	a := &attacker{addr: s.addr}
	// First once what there can be: the registered routes and what matches none, each with the few ways it can end.
	for _, method := range catalogue.HTTPMethod.Values {
		for _, path := range []string{"/farms/7", "/stalls", "/stalls/7", "/market/stalls/7/signs/8", "/pictures/x", "/anything", "/elsewhere", "/farms"} {
			a.send(t, method, method+" "+path+" HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")
		}
		a.send(t, method, method+" / HTTP/1.1\r\nHost: a host\r\nContent-Length: 0\r\n\r\n")
	}
	a.send(t, "GET", "GET /farms/broken HTTP/1.1\r\nHost: test\r\n\r\n")
	a.send(t, "GET", "GET / HTTP/1.1\r\nX-Large: "+strings.Repeat("x", 4096)+"\r\n\r\n")
	before := s.seriesCount()
	sent := 0
	rapid.Check(t, func(t *rapid.T) {
		for range 100 { // a hundred times
			method, raw := hostile(t)
			a.send(t, method, raw)
			sent++
		}
	})
	require.GreaterOrEqual(t, sent, 10_000)
	require.Equal(t, before, s.seriesCount())
	require.Greater(t, int(s.samples().total()), sent)
}

// seriesCount counts all series of /metrics, by name.
func (s *service) seriesCount() map[string]int {
	s.t.Helper()
	count := map[string]int{}
	for line := range strings.Lines(s.scrape("text/plain")) {
		if !strings.HasPrefix(line, "#") {
			name, _, _ := strings.Cut(line, " ")
			name, _, _ = strings.Cut(name, "{")
			count[name]++
		}
	}
	return count
}

// A scrape of a thousand routes with several outcomes each stays as large as it was, whoever asks for what.
func TestAScrapeOfAThousandRoutesStaysAsItIsUnderHostileTraffic(t *testing.T) {
	s := startService(t, func(c *telemetry.Config) { c.Logs = io.Discard }, manyRoutes)
	a := &attacker{addr: s.addr}
	for i := range 100 {
		a.send(t, "GET", fmt.Sprintf("GET /many/%d/7 HTTP/1.1\r\nHost: test\r\n\r\n", i))
	}
	a.send(t, "GET", "GET /elsewhere HTTP/1.1\r\nHost: test\r\n\r\n")
	before, size := s.seriesCount(), len(s.scrape("text/plain"))
	for i := range 2000 {
		path := []string{"/many/%d/x", "/%d", "/many/x/%d"}[i%3]
		a.send(t, "GET", fmt.Sprintf("GET "+path+" HTTP/1.1\r\nHost: h%d\r\nUser-Agent: u%d\r\nX-Forwarded-For: 10.0.0.%d\r\n\r\n", i%100, i, i, i))
	}
	require.Equal(t, before, s.seriesCount())
	require.InEpsilon(t, size, len(s.scrape("text/plain")), 0.02, "only digits of the values are added")
}
