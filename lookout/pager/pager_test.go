package pager

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// now is when the tests happen.
var now = time.Date(2026, 3, 7, 3, 12, 9, 0, time.UTC)

func newPager(t *testing.T, dir string) *Pager {
	t.Helper()
	p, err := New(Config{Dir: dir, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// message is a webhook body as Alertmanager 0.31 sends it.
func message(status, slo string, edit func(map[string]any)) string {
	alert := map[string]any{
		"status": status,
		"labels": map[string]string{
			"alertname": "ApiAvailabilityBudgetBurn", "severity": "page", "service": "market-api", "slo": slo,
			"long_window": "1h", "short_window": "5m",
		},
		"annotations": map[string]string{
			"summary":       "Shoppers get errors: " + slo,
			"description":   "62 % of requests to market-api failed in the last 5 minutes.",
			"runbook_url":   "http://localhost:8090/runbooks/" + slo,
			"dashboard_url": "http://localhost:8090/d/fm-service",
			"error_ratio":   "62 %",
		},
		"startsAt":     now.Add(-3 * time.Minute).Format(time.RFC3339Nano),
		"endsAt":       "0001-01-01T00:00:00Z",
		"generatorURL": "http://prometheus:9090/graph", "fingerprint": "abc123",
	}
	if status == Resolved {
		alert["endsAt"] = now.Add(-time.Minute).Format(time.RFC3339Nano)
	}
	body := map[string]any{
		"version": "4", "groupKey": `{}:{alertname="ApiAvailabilityBudgetBurn", slo="` + slo + `"}`, "truncatedAlerts": 0,
		"status": status, "receiver": "pager", "groupLabels": map[string]string{"slo": slo},
		"commonLabels": alert["labels"], "commonAnnotations": alert["annotations"],
		"externalURL": "http://127.0.0.1:9093", "alerts": []any{alert},
	}
	if edit != nil {
		edit(body)
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func post(t *testing.T, p *Pager, path, contentType, body string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	request.Header.Set("Content-Type", contentType)
	recorder := httptest.NewRecorder()
	p.Handler().ServeHTTP(recorder, request)
	return recorder
}

func get(t *testing.T, p *Pager, path string) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	p.Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
	return recorder
}

func pages(t *testing.T, p *Pager, query string) []Notification {
	t.Helper()
	answer := get(t, p, "/api/pages"+query)
	require.Equal(t, http.StatusOK, answer.Code, answer.Body)
	var list []Notification
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &list))
	return list
}

func send(t *testing.T, p *Pager, status, slo string) {
	t.Helper()
	answer := post(t, p, "/webhook", "application/json", message(status, slo, nil))
	require.Equal(t, http.StatusCreated, answer.Code, answer.Body)
}

func TestWebhook(t *testing.T) {
	big := `{"version":"4","groupKey":"` + strings.Repeat("x", maxWebhookBytes) + `"}`
	for name, test := range map[string]struct {
		body, contentType string
		status            int
		says              string
	}{
		"a notification is stored": {body: message(Firing, "a", nil), status: http.StatusCreated, says: `"id":1`},
		"a field that a newer Alertmanager adds loses no page": {
			body:   message(Firing, "a", func(m map[string]any) { m["notification_reason"] = "repeat" }),
			status: http.StatusCreated,
		},
		"another version is refused by name": {
			body:   message(Firing, "a", func(m map[string]any) { m["version"] = "5" }),
			status: http.StatusBadRequest, says: `version \"5\": want \"4\"`,
		},
		"an unknown status is refused": {
			body:   message(Firing, "a", func(m map[string]any) { m["status"] = "burning" }),
			status: http.StatusBadRequest, says: `status \"burning\"`,
		},
		"a resolved notification with a firing alert is refused": {
			body:   message(Firing, "a", func(m map[string]any) { m["status"] = Resolved }),
			status: http.StatusBadRequest, says: "1 of its alerts are firing",
		},
		"a notification without alerts is refused": {
			body:   message(Firing, "a", func(m map[string]any) { m["alerts"] = []any{} }),
			status: http.StatusBadRequest, says: "alerts is empty",
		},
		"an alert without a name is refused with its place": {
			body: message(Firing, "a", func(m map[string]any) {
				m["alerts"].([]any)[0].(map[string]any)["labels"] = map[string]string{}
			}),
			status: http.StatusBadRequest, says: "alerts[0]: label alertname is missing",
		},
		"a group without a key is refused": {
			body:   message(Firing, "a", func(m map[string]any) { m["groupKey"] = "" }),
			status: http.StatusBadRequest, says: "groupKey is empty",
		},
		"text that is no JSON is refused":           {body: "help", status: http.StatusBadRequest, says: "not an Alertmanager"},
		"an empty body is refused":                  {body: "", status: http.StatusBadRequest, says: "not an Alertmanager"},
		"two messages in one body are refused":      {body: message(Firing, "a", nil) + "{}", status: http.StatusBadRequest, says: "exactly one"},
		"a body beyond the bound is refused":        {body: big, status: http.StatusRequestEntityTooLarge, says: "max_alerts"},
		"a form from somebody's browser is refused": {body: message(Firing, "a", nil), contentType: "text/plain", status: http.StatusUnsupportedMediaType, says: "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPager(t, t.TempDir())
			contentType := test.contentType
			if contentType == "" {
				contentType = "application/json; charset=utf-8"
			}
			answer := post(t, p, "/webhook", contentType, test.body)
			require.Equal(t, test.status, answer.Code, answer.Body)
			require.Contains(t, answer.Body.String(), test.says)
			if test.status != http.StatusCreated {
				require.Equal(t, "application/problem+json", answer.Header().Get("Content-Type"))
				require.Empty(t, pages(t, p, ""))
				return
			}
			stored := pages(t, p, "")
			require.Len(t, stored, 1)
			require.Equal(t, now, stored[0].ReceivedAt)
			require.Equal(t, "ApiAvailabilityBudgetBurn", stored[0].Alerts[0].Labels["alertname"])
		})
	}
}

func TestPagesAPI(t *testing.T) {
	p := newPager(t, t.TempDir())
	moment := now
	p.Now = func() time.Time { moment = moment.Add(time.Minute); return moment }
	send(t, p, Firing, "a")
	send(t, p, Firing, "b")
	send(t, p, Resolved, "a")
	after := now.Add(90 * time.Second).Format(time.RFC3339)

	for name, test := range map[string]struct {
		query string
		ids   []uint64
	}{
		"all come newest first":                     {"", []uint64{3, 2, 1}},
		"since leaves out what was received before": {"?since=" + after, []uint64{3, 2}},
		"status selects":                            {"?status=resolved", []uint64{3}},
		"limit keeps the newest":                    {"?limit=1", []uint64{3}},
	} {
		t.Run(name, func(t *testing.T) {
			ids := []uint64{}
			for _, n := range pages(t, p, test.query) {
				ids = append(ids, n.ID)
			}
			require.Equal(t, test.ids, ids)
		})
	}
	for name, query := range map[string]string{
		"a time in another form is refused": "?since=yesterday",
		"an unknown status is refused":      "?status=open",
		"a limit of nothing is refused":     "?limit=0",
		"a misspelt parameter is refused":   "?sicne=2026-01-01T00:00:00Z",
	} {
		t.Run(name, func(t *testing.T) {
			answer := get(t, p, "/api/pages"+query)
			require.Equal(t, http.StatusBadRequest, answer.Code)
			require.Contains(t, answer.Body.String(), "want")
		})
	}
}

func TestNotificationsSurvive(t *testing.T) {
	current := func(dir string) string { return filepath.Join(dir, currentName) }
	for name, test := range map[string]struct {
		damage func(t *testing.T, dir string)
		kept   []uint64
		next   uint64
	}{
		"a restart": {func(*testing.T, string) {}, []uint64{3, 2, 1}, 4},
		"a last line torn by a crash": {func(t *testing.T, dir string) {
			file, err := os.OpenFile(current(dir), os.O_APPEND|os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = file.WriteString(`{"id":4,"status":"firing","al`)
			require.NoError(t, err)
			require.NoError(t, file.Close())
		}, []uint64{3, 2, 1}, 4},
		"a last line torn in the middle of what was stored": {func(t *testing.T, dir string) {
			info, err := os.Stat(current(dir))
			require.NoError(t, err)
			require.NoError(t, os.Truncate(current(dir), info.Size()-5))
		}, []uint64{2, 1}, 3},
		"a line overwritten with zeros": {func(t *testing.T, dir string) {
			content, err := os.ReadFile(current(dir))
			require.NoError(t, err)
			lines := bytes.SplitAfter(content, []byte("\n"))
			copy(lines[1], make([]byte, len(lines[1])-1))
			require.NoError(t, os.WriteFile(current(dir), content, 0o600))
		}, []uint64{3, 1}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			// Not closed, as after kill -9: what was answered with 201 must be on disk by then.
			first, err := New(Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
			require.NoError(t, err)
			for i := range 3 {
				send(t, first, Firing, fmt.Sprint(i))
			}
			test.damage(t, dir)

			second := newPager(t, dir)
			ids := []uint64{}
			for _, n := range pages(t, second, "") {
				ids = append(ids, n.ID)
			}
			require.Equal(t, test.kept, ids)
			send(t, second, Resolved, "0")
			require.Equal(t, test.next, pages(t, second, "?limit=1")[0].ID)

			third := newPager(t, dir)
			require.Len(t, pages(t, third, ""), len(test.kept)+1, "what is stored after the damage is kept too")
		})
	}
}

func TestDiskUseIsBounded(t *testing.T) {
	dir := t.TempDir()
	const bound = minMaxBytes
	p, err := New(Config{Dir: dir, MaxBytes: bound, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	for range 300 {
		send(t, p, Firing, "a")
	}
	var size int64
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		size += info.Size()
	}
	require.LessOrEqual(t, size, int64(bound))
	before := pages(t, p, "?limit=1000")
	require.EqualValues(t, 300, before[0].ID)
	require.Greater(t, len(before), 20, "the newest are kept")
	require.Less(t, len(before), 300, "the oldest go")
	require.NoError(t, p.Close())
	require.Equal(t, before, pages(t, newPager(t, dir), "?limit=1000"))
}

func TestAFullDiskIsSaidAndNothingIsHalfStored(t *testing.T) {
	dir := t.TempDir()
	p := newPager(t, dir)
	send(t, p, Firing, "a")
	require.NoError(t, p.store.file.Close()) // every write fails from here on
	answer := post(t, p, "/webhook", "application/json", message(Firing, "b", nil))
	require.Equal(t, http.StatusServiceUnavailable, answer.Code, "Alertmanager repeats what is answered with 503")
	require.Equal(t, http.StatusServiceUnavailable, get(t, p, "/healthz").Code)
	require.Contains(t, get(t, p, "/").Body.String(), "could not be stored")
	require.Len(t, pages(t, newPager(t, dir), ""), 1)
}

func TestWatchdog(t *testing.T) {
	p := newPager(t, t.TempDir())
	moment := now
	p.Now = func() time.Time { return moment }
	page := func() string { return get(t, p, "/").Body.String() }

	require.Contains(t, page(), "not heard yet")
	require.Equal(t, http.StatusNoContent, post(t, p, "/watchdog", "application/json", message(Firing, "w", nil)).Code)
	moment = moment.Add(42 * time.Second)
	require.Contains(t, page(), "last heard 42 s ago")
	require.Empty(t, pages(t, p, ""), "the Watchdog is no page")

	moment = moment.Add(5 * time.Minute)
	require.Contains(t, page(), "Alerting path silent for 5 min 42 s")
	require.Contains(t, get(t, p, "/api/watchdog").Body.String(), `"silent": true`)
	require.Contains(t, get(t, p, "/metrics").Body.String(), "pager_watchdog_silence_seconds 342")

	require.Equal(t, http.StatusNoContent, post(t, p, "/watchdog", "application/json", message(Resolved, "w", nil)).Code)
	require.Contains(t, page(), "silent", "a resolved Watchdog is no sign of life")
}

func TestPage(t *testing.T) {
	p := newPager(t, t.TempDir())
	require.Contains(t, get(t, p, "/").Body.String(), "Nothing is firing")

	send(t, p, Firing, "api-availability")
	body := get(t, p, "/").Body.String()
	for _, words := range []string{
		"(1) firing", "Shoppers get errors: api-availability", "Firing</strong> for 3 min", "62 % of requests",
		`href="http://localhost:8090/runbooks/api-availability"`, `href="http://localhost:8090/d/fm-service"`, "error ratio",
	} {
		require.Contains(t, body, words)
	}

	send(t, p, Resolved, "api-availability")
	body = get(t, p, "/").Body.String()
	require.Contains(t, body, "Nothing is firing")
	require.Contains(t, body, "1 min ago, lasted 2 min")

	send(t, p, Firing, "api-availability")
	body = get(t, p, "/").Body.String()
	require.Contains(t, body, "(1) firing", "a group that fires again is a new incident")
	require.Contains(t, body, "lasted 2 min", "and the old one stays")
}

func TestAHostileAlertCannotScriptThePage(t *testing.T) {
	p := newPager(t, t.TempDir())
	answer := post(t, p, "/webhook", "application/json", message(Firing, "a", func(m map[string]any) {
		m["commonAnnotations"] = map[string]string{
			"summary": "<script>alert(1)</script>", "runbook_url": "javascript:alert(1)", "dashboard_url": "not a url",
		}
	}))
	require.Equal(t, http.StatusCreated, answer.Code)
	page := get(t, p, "/")
	require.NotContains(t, page.Body.String(), "<script>alert")
	require.NotContains(t, page.Body.String(), "javascript:")
	require.Contains(t, page.Header().Get("Content-Security-Policy"), "default-src 'none'")
}

func TestConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, test := range map[string]struct {
		config Config
		says   string
	}{
		"no folder":                   {Config{}, "no folder"},
		"a bound too small to be one": {Config{Dir: t.TempDir(), MaxBytes: 100}, "at least 65536"},
		"a negative silence":          {Config{Dir: t.TempDir(), SilentAfter: -1}, "positive"},
		"a folder that is a file":     {Config{Dir: file}, "make the folder"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(test.config)
			require.ErrorContains(t, err, test.says)
		})
	}
}

func FuzzDecodeWebhook(f *testing.F) {
	f.Add(message(Firing, "a", nil))
	f.Add(message(Resolved, "a", nil))
	f.Add(`{"version":"4","alerts":[null]}`)
	f.Add("{}")
	f.Fuzz(func(t *testing.T, body string) {
		n, err := decodeWebhook(strings.NewReader(body))
		if err != nil {
			return
		}
		// Whatever is accepted can be stored, read back and shown.
		n.ID, n.ReceivedAt = 1, now
		line, err := json.Marshal(n)
		require.NoError(t, err)
		require.NotContains(t, string(line), "\n")
		var back Notification
		require.NoError(t, json.Unmarshal(line, &back))
		require.NotEmpty(t, back.Alerts)
		in := incidents([]Notification{n})
		require.Len(t, in, 1)
		require.NoError(t, pageTemplate.Execute(io.Discard, pageView{Now: now, Firing: []incidentView{{in[0], now}}}))
	})
}
