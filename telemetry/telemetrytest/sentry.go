package telemetrytest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// largestEvent is what Sentry takes, in bytes: https://develop.sentry.dev/sdk/envelopes/#size-limits.
const largestEvent = 1 << 20

var (
	eventID    = regexp.MustCompile(`^[0-9a-f]{32}$`)
	sentryAuth = regexp.MustCompile(`^Sentry sentry_version=7, sentry_client=sentry\.go/[0-9.]+, sentry_key=(\w+)$`)
)

// SentryEvent is an event as Sentry got it.
type SentryEvent struct {
	EventID     string            `json:"event_id"`
	Level       string            `json:"level"`
	Platform    string            `json:"platform"`
	Release     string            `json:"release"`
	Environment string            `json:"environment"`
	Transaction string            `json:"transaction"`
	Timestamp   time.Time         `json:"timestamp"`
	Fingerprint []string          `json:"fingerprint"`
	Tags        map[string]string `json:"tags"`
	Exception   []struct {
		Type       string `json:"type"`
		Value      string `json:"value"`
		Stacktrace *struct {
			Frames []struct {
				Function string `json:"function"`
			} `json:"frames"`
		} `json:"stacktrace"`
	} `json:"exception"`
	Contexts map[string]map[string]any `json:"contexts"`
	User     map[string]any            `json:"user"`
	Request  map[string]any            `json:"request"`
}

// Sentry is a fake of Sentry's envelope endpoint (https://develop.sentry.dev/sdk/envelopes/). It is strict: an envelope
// that is not as the protocol has it is answered with 400 and fails the test.
type Sentry struct {
	DSN string
	Key string // that events must be sent with; the DSN's, unless a test wants another

	t        *testing.T
	mu       sync.Mutex
	events   []SentryEvent
	received bytes.Buffer // the envelopes, one after the other
	requests int
	answer   func(http.ResponseWriter)
}

// NewSentry starts a fake; it stops with the test.
func NewSentry(t *testing.T) *Sentry {
	t.Helper()
	s := &Sentry{t: t, answer: accept, Key: "0123456789abcdef"}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.DSN = strings.Replace(server.URL, "://", "://"+s.Key+"@", 1) + "/42"
	return s
}

func accept(w http.ResponseWriter) { fmt.Fprint(w, `{}`) }

// Answer answers envelopes like this from now on. Those that are not accepted are not kept. nil accepts.
func (s *Sentry) Answer(answer func(http.ResponseWriter)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer = answer; answer == nil {
		s.answer = accept
	}
}

// Events returns what has arrived.
func (s *Sentry) Events() []SentryEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// Requests returns how many envelopes were sent, accepted or not.
func (s *Sentry) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Received returns every byte that arrived.
func (s *Sentry) Received() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.received.String()
}

// WaitForEvents returns the events once at least n have arrived.
func (s *Sentry) WaitForEvents(n int) []SentryEvent {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return len(s.Events()) >= n }, 20*time.Second, 5*time.Millisecond,
		"%d events should arrive, not %d", n, len(s.Events()))
	return s.Events()
}

// ServeHTTP implements http.Handler.
func (s *Sentry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	event, err := s.read(r)
	if err != nil {
		s.t.Errorf("Sentry would refuse the envelope: %v", err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	recorder := httptest.NewRecorder()
	s.answer(recorder)
	if recorder.Code == http.StatusOK && event != nil {
		s.events = append(s.events, *event)
	}
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(recorder.Body.Bytes()) // the client may be gone
}

func (s *Sentry) read(r *http.Request) (*SentryEvent, error) {
	auth := sentryAuth.FindStringSubmatch(r.Header.Get("X-Sentry-Auth"))
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/api/42/envelope/":
		return nil, fmt.Errorf("%s %s is no endpoint", r.Method, r.URL.Path)
	case r.Header.Get("Content-Type") != "application/x-sentry-envelope":
		return nil, fmt.Errorf("the content type is %q", r.Header.Get("Content-Type"))
	case len(auth) == 0 || auth[1] != s.Key:
		return nil, fmt.Errorf("X-Sentry-Auth is %q", r.Header.Get("X-Sentry-Auth"))
	}
	var body io.Reader = r.Body
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		zipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, fmt.Errorf("unzip the envelope: %w", err)
		}
		body = zipped
	default:
		return nil, fmt.Errorf("the content encoding is %q", encoding)
	}
	envelope, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("read the envelope: %w", err)
	}
	s.received.Write(envelope)
	return s.readEnvelope(envelope)
}

func (s *Sentry) readEnvelope(envelope []byte) (*SentryEvent, error) {
	line, rest, _ := bytes.Cut(envelope, []byte("\n"))
	var header struct {
		EventID string    `json:"event_id"`
		SentAt  time.Time `json:"sent_at"`
		DSN     string    `json:"dsn"`
	}
	if err := json.Unmarshal(line, &header); err != nil {
		return nil, fmt.Errorf("read the envelope's header %q: %w", line, err)
	}
	if !eventID.MatchString(header.EventID) || header.SentAt.IsZero() || header.DSN != "" && !strings.Contains(header.DSN, "://"+s.Key+"@") {
		return nil, fmt.Errorf("the envelope's header is %q", line)
	}
	var event *SentryEvent
	for len(bytes.TrimSpace(rest)) > 0 {
		kind, payload, after, err := readItem(rest)
		if err != nil {
			return nil, err
		}
		rest = after
		switch kind {
		case "event":
			if event != nil {
				return nil, errors.New("there are two events in one envelope")
			}
			if event, err = readEvent(payload, header.EventID); err != nil {
				return nil, err
			}
		case "client_report":
			if !json.Valid(payload) {
				return nil, fmt.Errorf("the client report %q is no JSON", payload)
			}
		default:
			return nil, fmt.Errorf("an item of type %q was not expected", kind)
		}
	}
	return event, nil
}

// readItem splits one item off an envelope: a header line, a payload of the length that it names, and a line break.
func readItem(envelope []byte) (kind string, payload, rest []byte, err error) {
	line, rest, _ := bytes.Cut(envelope, []byte("\n"))
	var header struct {
		Type   string `json:"type"`
		Length *int   `json:"length"`
	}
	if err := json.Unmarshal(line, &header); err != nil {
		return "", nil, nil, fmt.Errorf("read the item's header %q: %w", line, err)
	}
	if header.Length == nil || *header.Length > len(rest) || *header.Length > largestEvent {
		return "", nil, nil, fmt.Errorf("the item's header %q has a wrong length; %d bytes follow", line, len(rest))
	}
	payload, rest = rest[:*header.Length], rest[*header.Length:]
	if len(rest) > 0 && rest[0] != '\n' {
		return "", nil, nil, fmt.Errorf("the payload of %q is longer than its length", line)
	}
	return header.Type, payload, bytes.TrimPrefix(rest, []byte("\n")), nil
}

func readEvent(payload []byte, id string) (*SentryEvent, error) {
	var event SentryEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, fmt.Errorf("read the event %q: %w", payload, err)
	}
	switch {
	case event.EventID != id:
		return nil, fmt.Errorf("the event's id is %q, the envelope's %q", event.EventID, id)
	case event.Timestamp.IsZero(), event.Platform != "go", len(event.Exception) == 0:
		return nil, fmt.Errorf("the event lacks something: %s", payload)
	case !slices.Contains([]string{"fatal", "error", "warning", "info", "debug"}, event.Level):
		return nil, fmt.Errorf("the level is %q", event.Level)
	}
	for name, value := range event.Tags { // https://develop.sentry.dev/sdk/data-model/event-payloads/#optional-attributes
		if len(name) > 32 || len(value) > 200 || strings.Contains(value, "\n") {
			return nil, fmt.Errorf("the tag %s=%q is too long", name, value)
		}
	}
	return &event, nil
}
