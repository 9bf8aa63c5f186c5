package drill

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/lookout/pager"
	"github.com/farmersmarket/platform/slo"
)

// fakeStack is a stack in small: an API with injectable faults, a Prometheus whose alert fires after some errors and
// ends after some good answers, an Alertmanager that notifies at once, and a real pager.
type fakeStack struct {
	t     *testing.T
	slo   slo.SLO
	pager *pager.Pager
	urls  struct{ server, admin, prometheus, alertmanager, pager string }

	// What a test changes. Set before the drill starts.
	noFaults      bool   // the server runs without FAULTS=on
	silentPager   bool   // Alertmanager never notifies
	foreignAlert  string // pages as well
	alreadyFiring bool
	unrecorded    bool                  // Prometheus has no rules
	deafFault     bool                  // the fault is accepted and does nothing
	broken        bool                  // the API fails without a fault
	neverEnds     bool                  // the alert fires forever
	busy          float64               // requests in the last hour; 1,800 when unset
	counts        map[string][2]float64 // bad and total events by window; unset, few enough are bad

	mu       sync.Mutex
	faults   []fault
	injected []fault // every fault ever injected
	cleared  int
	bad      int
	good     int // since the last bad one
	firingAt time.Time
	notified map[string]string // last status sent, by alert
}

const (
	errorsToFire  = 3
	goodToResolve = 10
)

func newFakeStack(t *testing.T) *fakeStack {
	t.Helper()
	definitions, err := slo.LoadFile("../../slo/api-availability.yaml")
	require.NoError(t, err)
	inbox, err := pager.New(pager.Config{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = inbox.Close() })
	f := &fakeStack{t: t, slo: definitions[0], pager: inbox, notified: map[string]string{}}
	for address, handler := range map[*string]http.Handler{
		&f.urls.server: f.server(), &f.urls.admin: f.admin(), &f.urls.prometheus: f.prometheus(),
		&f.urls.alertmanager: f.alertmanager(), &f.urls.pager: inbox.Handler(),
	} {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		*address = server.URL
	}
	return f
}

func (f *fakeStack) config() Config {
	return Config{
		ServerURL: f.urls.server, AdminURL: f.urls.admin, PrometheusURL: f.urls.prometheus,
		AlertmanagerURL: f.urls.alertmanager, PagerURL: f.urls.pager, SLO: f.slo, GroupWait: 10 * time.Millisecond,
		Rate: 200, RecoveryRate: 200, PageWithin: time.Minute, ResolveWithin: 10 * time.Second,
		Poll: 5 * time.Millisecond,
	}
}

func (f *fakeStack) server() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/ready", func(w http.ResponseWriter, _ *http.Request) { reply(w, `{}`) })
	mux.HandleFunc("GET /api/v1/", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.broken || (len(f.faults) > 0 && !f.deafFault) {
			f.bad++
			f.good = 0
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		f.good++
		reply(w, `{"success":true,"data":[],"pagination":{"page":1,"limit":20,"total":0,"pages":0}}`)
	})
	return f.strict(mux)
}

func (f *fakeStack) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /admin/faults", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.noFaults {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"faults": f.faults})
	})
	mux.HandleFunc("POST /admin/faults", func(w http.ResponseWriter, r *http.Request) {
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		var request fault
		if err := decoder.Decode(&request); err != nil {
			f.t.Errorf("fault: %v", err)
		}
		duration, err := time.ParseDuration(request.Duration)
		if err != nil || duration <= 0 || duration > time.Hour {
			f.t.Errorf("the fault's duration is %q", request.Duration)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		request.ID, request.ExpiresAt = "f1", time.Now().Add(duration)
		f.faults, f.injected = append(f.faults, request), append(f.injected, request)
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(request)
	})
	mux.HandleFunc("DELETE /admin/faults/f1", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.faults, f.cleared = nil, f.cleared+1
		w.WriteHeader(http.StatusNoContent)
	})
	return f.strict(mux)
}

// judge lets the alert fire and end, and the pager hear of it. The caller holds the lock.
func (f *fakeStack) judge() {
	switch {
	case f.firingAt.IsZero() && f.bad >= errorsToFire && f.good == 0:
		f.firingAt = time.Now()
	case !f.firingAt.IsZero() && f.good >= goodToResolve && !f.neverEnds:
		f.firingAt = time.Time{}
		f.bad = 0
	}
	status := pager.Resolved
	if !f.firingAt.IsZero() {
		status = pager.Firing
	}
	f.notify(f.slo.AlertName(), status)
	if f.foreignAlert != "" && status == pager.Firing {
		f.notify(f.foreignAlert, status)
	}
}

func (f *fakeStack) notify(alert, status string) {
	last := f.notified[alert]
	if f.silentPager || last == status || (last == "" && status == pager.Resolved) {
		return
	}
	f.notified[alert] = status
	labels := f.labels(alert)
	body, err := json.Marshal(map[string]any{
		"version": "4", "groupKey": alert, "status": status, "receiver": "pager", "commonLabels": labels,
		"commonAnnotations": map[string]string{"summary": "All of API requests failed"},
		"alerts": []any{map[string]any{
			"status": status, "labels": labels, "startsAt": time.Now(), "fingerprint": "f",
		}},
	})
	require.NoError(f.t, err)
	request := httptest.NewRequestWithContext(f.t.Context(), http.MethodPost, "/webhook", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	f.pager.Handler().ServeHTTP(recorder, request)
	require.Equal(f.t, http.StatusCreated, recorder.Code, recorder.Body)
}

func (f *fakeStack) labels(alert string) map[string]string {
	return map[string]string{
		"alertname": alert, slo.LabelSeverity: slo.SeverityPage, slo.LabelSLO: f.slo.Name,
		slo.LabelLongWindow: "1h", slo.LabelShortWindow: "5m",
	}
}

func (f *fakeStack) prometheus() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) { reply(w, "ready") })
	mux.HandleFunc("GET /api/v1/status/config", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, `{"status":"success","data":{"yaml":"global:\n  scrape_interval: 5ms\n  evaluation_interval: 5ms\n"}}`)
	})
	mux.HandleFunc("GET /api/v1/alerts", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.judge()
		alerts := []promAlert{{Labels: map[string]string{"alertname": "Watchdog"}, State: "firing"}}
		if !f.firingAt.IsZero() || f.alreadyFiring {
			alerts = append(alerts, promAlert{Labels: f.labels(f.slo.AlertName()), State: "firing", ActiveAt: f.firingAt})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"alerts": alerts}})
	})
	mux.HandleFunc("GET /api/v1/query", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		value, ok := f.answer(r.URL.Query().Get("query"))
		if !ok {
			reply(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
			return
		}
		reply(w, fmt.Sprintf(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"%g"]}]}}`, value))
	})
	return f.strict(mux)
}

// answer knows the queries of the drill and no others.
func (f *fakeStack) answer(query string) (float64, bool) {
	name, _, _ := strings.Cut(query, "{")
	switch {
	case f.unrecorded:
		return 0, false
	case name == slo.ObjectiveRatio:
		return 0.999, true
	case name == slo.EventsTotal(slo.Window5m):
		return float64(f.good + f.bad), true
	case name == slo.EventsBad(slo.Window1h):
		return float64(f.bad), true
	case strings.HasPrefix(query, "sum(increase(http_server_request_duration_seconds_count{"):
		return f.increase(query), true
	case strings.HasPrefix(query, "sum(rate(http_server_request_duration_seconds_count{"):
		return 8, true
	case strings.HasPrefix(query, "count_over_time(slo:events_total:increase5m{"):
		return 60, true
	}
	f.t.Errorf("unexpected query %s", query)
	return 0, false
}

// increase answers from counts where a test gives them. Else the windows hold 1,800 requests and few enough bad ones.
func (f *fakeStack) increase(query string) float64 {
	isBad := strings.Contains(query, `http_response_status_code=~"5.."`)
	if f.counts == nil {
		if isBad {
			return 0
		}
		return max(f.busy, 1800)
	}
	_, after, _ := strings.Cut(query, "}[")
	counts, known := f.counts[strings.TrimSuffix(after, "]))")]
	if !known {
		f.t.Errorf("unexpected window in %s", query)
	}
	if isBad {
		return counts[0]
	}
	return counts[1]
}

func (f *fakeStack) alertmanager() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) { reply(w, "OK") })
	mux.HandleFunc("GET /api/v2/alerts", func(w http.ResponseWriter, _ *http.Request) { reply(w, "[]") })
	return f.strict(mux)
}

// strict fails the test on a request that no handler knows.
func (f *fakeStack) strict(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			f.t.Errorf("unexpected request %s %s", r.Method, r.URL)
		}
		mux.ServeHTTP(w, r)
	})
}

func (f *fakeStack) faultIsCleared() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.faults) == 0 && f.cleared == 1
}

func reply(w http.ResponseWriter, body string) { _, _ = io.WriteString(w, body) }
