package check

import "testing"

func TestUnknownValue(t *testing.T) {
	cases{
		"a value of the catalogue":               {expr: `rate(db_client_operation_duration_seconds_count{db_operation_name="SELECT"}[5m])`},
		"the same in lower case":                 {`rate(db_client_operation_duration_seconds_count{db_operation_name="select"}[5m])`, "select", `is never "select"`},
		"empty is for series without the label":  {expr: `rate(db_client_operation_duration_seconds_count{db_operation_name=""}[5m])`},
		"any method of two":                      {expr: `rate(http_server_request_duration_seconds_count{http_request_method=~"GET|POST"}[5m])`},
		"one of two that does not exist":         {`rate(http_server_request_duration_seconds_count{http_request_method=~"GET|PSOT"}[5m])`, "PSOT", `did you mean "POST"?`},
		"a regular expression that matches some": {expr: `rate(http_server_request_duration_seconds_count{http_request_method=~"P.+"}[5m])`},
		"a regular expression that matches none": {`rate(http_server_request_duration_seconds_count{http_request_method=~"X.+"}[5m])`, "X.+", `is never "X.+"`},
		"all but one that does not exist":        {`up{job!="sever"}`, "sever", `did you mean "server"?`},
		"a variable of a dashboard may be any":   {expr: `up{job=~"$job"}`},
		"a label whose values are not listed":    {expr: `rate(http_server_request_duration_seconds_count{http_route="/anything"}[5m])`},
		"a misspelt SLO":                         {`slo:objective:ratio{slo="api-availabilty"}`, "api-availabilty", `did you mean "api-availability"?`},
		"a state that no alert has":              {`ALERTS{alertstate="fired"}`, "fired", `it is one of ["pending" "firing"]`},
		"the job of an alert is any":             {expr: `ALERTS{job="whatever"}`},
	}.run(t, unknownValue)
}
