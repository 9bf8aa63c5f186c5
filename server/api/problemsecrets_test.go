package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/farmersmarket/platform/server/api"
)

func TestAProblemRepeatsANumberUnlessItCouldBeACard(t *testing.T) {
	app := newBareApp(t)
	for name, c := range map[string]struct {
		sent string
		says any
	}{
		"a small number":                 {"7", 7.0},
		"a number below nothing":         {"-7.25", -7.25},
		"a number of eleven digits":      {"12345678901", 12345678901.0},
		"a card":                         {"4242424242424242", nil},
		"a card with twelve digits":      {"501800000009", nil},
		"a card that is rounded":         {"6304000000000000042", nil},
		"a card without its check digit": {"4242424242424241", nil},
		"a card after a point":           {"0.4242424242424242", nil},
		"a card with an exponent":        {"4.242424242424242e15", nil},
		"a card below nothing":           {"-4242424242424242", nil},
		"a card as a text":               {`{"is":"4242424242424242"}`, nil},
		"a flag, which can be no secret": {"true", true},
	} {
		t.Run(name, func(t *testing.T) {
			request := httptest.NewRequest(http.MethodPost, "/api/v1/auth/register",
				strings.NewReader(`{"email":"nora@example.org","name":"Nora","password":"walnut-Saturday-quince","role":`+c.sent+`}`))
			request.Header.Set("Content-Type", "application/json")
			response, err := app.Test(request, -1)
			require.NoError(t, err)
			got := read(t, response)
			require.Equal(t, http.StatusUnprocessableEntity, got.status, string(got.body))
			problem := decode[api.Problem](t, got.body)
			require.Len(t, problem.Errors, 1)
			require.Equal(t, "body.role", problem.Errors[0].Location)
			require.Equal(t, c.says, problem.Errors[0].Value)
		})
	}
}
