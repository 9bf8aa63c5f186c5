package api

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/telemetry/redact"
)

// Problems are kept where the request was not to be: in logs of clients and proxies, in bug reports. So they repeat as
// little as helps of what was sent.

// describeInvalid answers input that breaks a rule of the market. Fields of persons are named, and not repeated.
func describeInvalid(err error, invalid market.InvalidError) *Problem {
	detail := err.Error()
	if redact.Parameter(invalid.Field) {
		invalid.Value = nil
		detail = invalid.Error()
	}
	p := newProblem(http.StatusUnprocessableEntity, detail)
	p.Errors = []*huma.ErrorDetail{{Location: invalid.Field, Message: "must " + invalid.Rule, Value: invalid.Value}}
	return p
}

// withoutSecrets leaves out of a problem what is secret or personal, or can be.
func withoutSecrets(p *Problem) *Problem {
	p.Detail = redact.String(p.Detail)
	for i, detail := range p.Errors {
		p.Errors[i] = &huma.ErrorDetail{
			Message: redact.String(detail.Message), Location: cleanLocation(detail.Location), Value: cleanValue(detail),
		}
	}
	return p
}

// property is what the API's own properties look like. Others are the client's, which may have put a secret there.
var property = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*(\[[0-9]+\])*$`)

// cleanLocation cuts a location off before the first property that the client has made up.
func cleanLocation(location string) string {
	parts := strings.Split(location, ".")
	for i, part := range parts {
		if !property.MatchString(part) || redact.String(part) != part {
			return strings.Join(parts[:i], ".")
		}
	}
	return location
}

// cleanValue leaves out text in bodies, where it can be anything, numbers as long as those of payment cards, and all that
// stands under a telling name or looks secret.
func cleanValue(detail *huma.ErrorDetail) any {
	place, _, _ := strings.Cut(detail.Location, ".")
	last := detail.Location[strings.LastIndexByte(detail.Location, '.')+1:]
	if redact.Parameter(last) {
		return nil
	}
	switch value := detail.Value.(type) {
	case bool:
		return value
	case int, int64, uint64, float64:
		if digitsOf(value) < leastCardDigits {
			return value
		}
	case string:
		if place != "body" && redact.String(value) == value {
			return value
		}
	}
	return nil
}

// leastCardDigits is how many digits the number of a payment card has at least. Its check digit does not tell, for a number
// in JSON is rounded to the first 16.
const leastCardDigits = 12

// digitsOf counts the digits of a number as it would be written.
func digitsOf(number any) (n int) {
	text, err := json.Marshal(number)
	if err != nil { // infinity, and what is no number
		return 0
	}
	for _, c := range text {
		if '0' <= c && c <= '9' {
			n++
		}
	}
	return n
}
