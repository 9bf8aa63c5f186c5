// Package catalogue prints telemetry/catalogue, the contract on what the service emits, for people and for programs.
package catalogue

import (
	"fmt"
	"strings"

	"github.com/farmersmarket/platform/telemetry/catalogue"
)

// Contract is what is printed. A part that is nil is left out.
type Contract catalogue.Catalogue

// Whole returns everything that the catalogue declares.
func Whole() Contract {
	return Contract(catalogue.All())
}

// Parts returns the names of the parts that can be printed alone.
func Parts() []string { return []string{"metrics", "spans", "logs", "resource"} }

// Part returns one part of the contract. An unknown name is an error that says which there are.
func (c Contract) Part(name string) (Contract, error) {
	switch name {
	case "metrics":
		return Contract{Metrics: c.Metrics}, nil
	case "spans":
		return Contract{Spans: c.Spans}, nil
	case "logs":
		return Contract{Lines: c.Lines}, nil
	case "resource":
		return Contract{Resource: c.Resource}, nil
	}
	return Contract{}, fmt.Errorf("the catalogue has no part %q: it has %s", name, strings.Join(Parts(), ", "))
}
