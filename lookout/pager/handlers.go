package pager

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/farmersmarket/platform/lookout/webui"
)

const (
	maxWebhookBytes = 1 << 20 // Alertmanager's messages are a few kilobytes; a group of hundreds of alerts fits
	defaultLimit    = 200
	maxLimit        = 1000
)

// Handler returns the pager's routes.
func (p *Pager) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /webhook", p.receive)
	mux.HandleFunc("POST /watchdog", p.hear)
	mux.HandleFunc("GET /{$}", p.page)
	mux.HandleFunc("GET /api/pages", p.list)
	mux.HandleFunc("GET /api/watchdog", func(w http.ResponseWriter, _ *http.Request) { webui.JSON(w, p.watchdog()) })
	mux.HandleFunc("GET /healthz", p.health)
	mux.Handle("GET /metrics", p.metrics.Handler(p.Log))
	mux.Handle("GET "+webui.AssetsPath, webui.Assets())
	mux.Handle("GET /pager.css", http.FileServerFS(pageFiles))
	return webui.Confine(mux)
}

// receive stores one notification and answers only when it is on disk. Alertmanager repeats what is answered with 5xx
// and drops what is answered with 4xx, so the two are told apart with care.
func (p *Pager) receive(w http.ResponseWriter, r *http.Request) {
	notification, ok := p.decode(w, r)
	if !ok {
		return
	}
	stored, err := p.store.append(notification, p.Now())
	p.mu.Lock()
	p.storeError = err
	p.mu.Unlock()
	if err != nil {
		p.metrics.storeFailures.Inc()
		p.Log.Error("a notification is not on disk; Alertmanager will send it again",
			"error", err, "group_key", notification.GroupKey, "status", notification.Status)
		webui.Problem(w, http.StatusServiceUnavailable, "The notification could not be stored: "+err.Error())
		return
	}
	p.metrics.received.WithLabelValues(stored.Status).Inc()
	p.Log.Info("notification", "id", stored.ID, "status", stored.Status, "receiver", stored.Receiver,
		"alertname", stored.CommonLabels["alertname"], "alerts", len(stored.Alerts))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]uint64{"id": stored.ID})
}

// hear notes that the Watchdog alert came through. It is not stored: it comes every few minutes and only its age counts.
func (p *Pager) hear(w http.ResponseWriter, r *http.Request) {
	notification, ok := p.decode(w, r)
	if !ok {
		return
	}
	if notification.Status == Firing {
		p.mu.Lock()
		p.lastHeard = p.Now().UTC()
		p.mu.Unlock()
	}
	w.WriteHeader(http.StatusNoContent)
}

func (p *Pager) decode(w http.ResponseWriter, r *http.Request) (Notification, bool) {
	// Asking for JSON keeps web pages elsewhere from posting through somebody's browser without a preflight.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		p.refuse(w, http.StatusUnsupportedMediaType, "media_type",
			fmt.Sprintf("Content-Type is %q: want application/json.", r.Header.Get("Content-Type")))
		return Notification{}, false
	}
	notification, err := decodeWebhook(http.MaxBytesReader(w, r.Body, maxWebhookBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		p.refuse(w, http.StatusRequestEntityTooLarge, "too_large",
			fmt.Sprintf("The body is larger than %d bytes: set max_alerts in Alertmanager's webhook_config.", tooLarge.Limit))
		return Notification{}, false
	case err != nil:
		p.refuse(w, http.StatusBadRequest, "invalid", err.Error())
		return Notification{}, false
	}
	return notification, true
}

func (p *Pager) refuse(w http.ResponseWriter, status int, reason, detail string) {
	p.metrics.rejected.WithLabelValues(reason).Inc()
	p.Log.Warn("refused a notification", "reason", reason, "detail", detail)
	webui.Problem(w, status, detail)
}

// health answers 503 while the latest notification could not be stored.
func (p *Pager) health(w http.ResponseWriter, _ *http.Request) {
	if err := p.unstored(); err != nil {
		webui.Problem(w, http.StatusServiceUnavailable, "The latest notification could not be stored: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintln(w, "ok")
}

func (p *Pager) unstored() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.storeError
}

func (p *Pager) list(w http.ResponseWriter, r *http.Request) {
	filter, err := parseFilter(r.URL.Query())
	if err != nil {
		webui.Problem(w, http.StatusBadRequest, err.Error())
		return
	}
	webui.JSON(w, filter.apply(p.store.all()))
}

// filter selects notifications; zero values select all.
type filter struct {
	since  time.Time // received after this
	status string
	limit  int
}

func parseFilter(query url.Values) (filter, error) {
	f := filter{limit: defaultLimit}
	for name, values := range query {
		value := values[len(values)-1]
		var err error
		switch name {
		case "since":
			f.since, err = time.Parse(time.RFC3339Nano, value)
			if err != nil {
				return f, fmt.Errorf("since=%q: want a time such as 2026-01-31T03:00:00Z", value)
			}
		case "status":
			if checkStatus(value) != nil {
				return f, fmt.Errorf("status=%q: want %s or %s", value, Firing, Resolved)
			}
			f.status = value
		case "limit":
			f.limit, err = strconv.Atoi(value)
			if err != nil || f.limit < 1 || f.limit > maxLimit {
				return f, fmt.Errorf("limit=%q: want a number from 1 to %d", value, maxLimit)
			}
		default:
			return f, fmt.Errorf("unknown parameter %q: want %s", name, strings.Join([]string{"since", "status", "limit"}, ", "))
		}
	}
	return f, nil
}

// apply returns what the filter selects, newest first.
func (f filter) apply(all []Notification) []Notification {
	selected := []Notification{}
	for _, n := range slices.Backward(all) {
		if len(selected) == f.limit {
			break
		}
		if n.ReceivedAt.After(f.since) && (f.status == "" || n.Status == f.status) {
			selected = append(selected, n)
		}
	}
	return selected
}
