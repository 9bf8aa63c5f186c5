package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxBody bounds a request to the admin port, in bytes.
const maxBody = 64 << 10

// request is a fault as a client describes it.
type request struct {
	Route     string          `json:"route"`
	ErrorRate float64         `json:"error_rate"`
	Status    int             `json:"status"`
	Panic     bool            `json:"panic"`
	Latency   *requestLatency `json:"latency"`
	Duration  string          `json:"duration"`
}

type requestLatency struct {
	Distribution string `json:"distribution"`
	Mean         string `json:"mean"`
	Spread       string `json:"spread"`
}

// MarshalJSON writes durations as people write them: 200ms.
func (l *Latency) MarshalJSON() ([]byte, error) {
	return json.Marshal(requestLatency{l.Distribution, l.Mean.String(), l.Spread.String()})
}

// Routes adds the fault endpoints to the admin port:
//
//	GET    /admin/faults       the faults in force
//	POST   /admin/faults       put one in force
//	DELETE /admin/faults       end all
//	DELETE /admin/faults/{id}  end one
func (i *Injector) Routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /admin/faults", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"faults": i.List()})
	})
	mux.HandleFunc("POST /admin/faults", i.post)
	mux.HandleFunc("DELETE /admin/faults", func(w http.ResponseWriter, _ *http.Request) {
		i.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /admin/faults/{id}", func(w http.ResponseWriter, r *http.Request) {
		if !i.Remove(r.PathValue("id")) {
			refuse(w, http.StatusNotFound, fmt.Errorf("there is no fault %q in force", r.PathValue("id")))
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func (i *Injector) post(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Errorf("read the fault: %w", err))
		return
	}
	fault, duration, err := parse(body)
	if err == nil {
		fault, err = i.Add(fault, duration)
	}
	if err != nil {
		refuse(w, http.StatusUnprocessableEntity, err)
		return
	}
	answer(w, http.StatusCreated, fault)
}

func parse(body []byte) (Fault, time.Duration, error) {
	var in request
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return Fault{}, 0, fmt.Errorf("read the fault: %w", err)
	}
	if decoder.More() {
		return Fault{}, 0, errors.New("read the fault: there is something after the JSON object")
	}
	f := Fault{Route: in.Route, ErrorRate: in.ErrorRate, Status: in.Status, Panic: in.Panic}
	duration, err := parseDuration("duration", in.Duration)
	if err == nil && in.Latency != nil {
		f.Latency = &Latency{Distribution: in.Latency.Distribution}
		if f.Latency.Mean, err = parseDuration("latency.mean", in.Latency.Mean); err == nil && in.Latency.Spread != "" {
			f.Latency.Spread, err = parseDuration("latency.spread", in.Latency.Spread)
		}
	}
	return f, duration, err
}

func parseDuration(field, value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil {
		return 0, fmt.Errorf("%s is %q: give a duration such as 200ms or 2m", field, value)
	}
	return d, nil
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client went away: nobody is left to tell
}

func refuse(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client went away: nobody is left to tell
		"title": http.StatusText(status), "status": status, "detail": err.Error(),
	})
}
