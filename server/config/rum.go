package config

import (
	"fmt"
	"regexp"
	"strings"
)

// rumPages are the pages that a market's web shop has, and that of the API's documentation.
const rumPages = "/,/docs,/products,/products/{id},/farms,/farms/{id},/markets,/markets/{id},/basket,/checkout,/orders,/orders/{id},/account"

// The most that reports of browsers are told apart by: each app and page is a series of every bucket.
const (
	maxRUMApps  = 10
	maxRUMPages = 50
)

var (
	rumApp  = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	rumPage = regexp.MustCompile(`^/[A-Za-z0-9._~{}/-]{0,99}$`)
)

// words reads a list with commas of at most so many words that match. An empty list has none.
func words(into *[]string, most int, pattern *regexp.Regexp) func(string) error {
	return func(value string) error {
		var all []string
		for word := range strings.SplitSeq(value, ",") {
			word = strings.TrimSpace(word)
			switch {
			case word == "" && strings.TrimSpace(value) != "":
				return fmt.Errorf("%q has an empty word: leave out a comma", value)
			case word == "":
			case !pattern.MatchString(word):
				return fmt.Errorf("%q does not match %s", word, pattern)
			default:
				all = append(all, word)
			}
		}
		if len(all) > most {
			return fmt.Errorf("it has %d words, more than %d", len(all), most)
		}
		*into = all
		return nil
	}
}
