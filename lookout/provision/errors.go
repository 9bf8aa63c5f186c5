package provision

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-openapi/runtime"
)

// StatusError is an answer of Grafana that is not a success.
type StatusError struct {
	Code     int
	Message  string // Grafana's own words, shortened
	Location string // where a redirect leads
}

// Conflict says whether somebody else's write came first, or the object to create exists: 409, and 412 from older
// Grafana.
func (e *StatusError) Conflict() bool {
	return e.Code == http.StatusConflict || e.Code == http.StatusPreconditionFailed
}

// Error implements error. It ends in what to do.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("Grafana answered %d %s", e.Code, http.StatusText(e.Code))
	if e.Message != "" {
		text += fmt.Sprintf(" (%s)", e.Message)
	}
	if remedy := e.remedy(); remedy != "" {
		text += ": " + remedy
	}
	return text
}

func (e *StatusError) remedy() string {
	switch {
	case e.Location != "":
		return "it redirects to " + e.Location + "; give the address where Grafana itself answers (--grafana-url)"
	case e.Code == http.StatusUnauthorized:
		return "the credentials are wrong or have expired; make a service account token in Grafana under Administration, " +
			"Users and access, Service accounts, and set GRAFANA_TOKEN or --token-file"
	case e.Code == http.StatusForbidden:
		return "the credentials lack a permission; the service account needs the role Admin, or the permissions " +
			"folders:create, folders:read, folders:write, datasources:create, datasources:read, datasources:write, " +
			"dashboards:create, dashboards:read and dashboards:write"
	case e.Code == http.StatusNotFound:
		return "there is no Grafana API at this address; --grafana-url is the address of Grafana's start page, without /api"
	case e.Conflict():
		return "somebody else wrote it first, or its name is taken by another object; look at it in Grafana and apply again"
	case e.Code == http.StatusTooManyRequests:
		return "Grafana asks to slow down; try again later"
	case e.Code >= http.StatusInternalServerError:
		return "see Grafana's log for the cause, then apply again"
	default:
		return ""
	}
}

// maxErrorBody bounds what is read of an error answer, and maxErrorText what is shown of it.
const (
	maxErrorBody = 64 << 10
	maxErrorText = 300
)

// readStatusError reads an error answer, whatever wrote it: Grafana answers JSON, a proxy before it a web page.
func readStatusError(response runtime.ClientResponse) error {
	out := &StatusError{Code: response.Code()}
	if out.Code >= 300 && out.Code < 400 {
		out.Location = response.GetHeader("Location")
	}
	text, err := io.ReadAll(io.LimitReader(response.Body(), maxErrorBody))
	if err != nil {
		return out // the status says enough
	}
	var body struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(text, &body) == nil {
		message := []rune(strings.Join(strings.Fields(body.Message), " "))
		out.Message = string(message[:min(len(message), maxErrorText)])
	}
	return out
}

// notGrafanaError is a success that does not come from Grafana's API: a login page, some other program.
type notGrafanaError struct{ contentType string }

func (e *notGrafanaError) Error() string {
	return fmt.Sprintf("the answer is %q and not JSON: some other program, or a login page, answers at this address; "+
		"--grafana-url is the address of Grafana's start page", e.contentType)
}

// explain adds to an error what was done and, for a connection that failed, what to do about it.
func explain(doing, base string, err error) error {
	var status *StatusError
	if err == nil || errors.As(err, &status) || errors.Is(err, context.Canceled) {
		return wrap(doing, err)
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err // its text repeats method and address
	}
	var remedy string
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		remedy = "the name does not resolve; check --grafana-url (GRAFANA_URL)"
	case errors.As(err, &authority):
		remedy = "its certificate is signed by an authority unknown here; set SSL_CERT_FILE to the file with that authority's certificate"
	case errors.As(err, &host):
		remedy = "its certificate is for another name; use that name in --grafana-url"
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		remedy = "it does not speak TLS; use http:// in --grafana-url"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		remedy = "it does not answer in time; see whether it is overloaded, or raise --timeout"
	case unreached(err):
		remedy = "nothing answers there; start Grafana or correct --grafana-url (GRAFANA_URL)"
	}
	if remedy == "" {
		return fmt.Errorf("%s at %s: %w", doing, base, err)
	}
	return fmt.Errorf("%s at %s: %w: %s", doing, base, err, remedy)
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
