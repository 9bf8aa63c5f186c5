package telemetry

import (
	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/redact"
)

// declaredKeys says of every declared attribute and log field whether its name gives away a secret: nearly all that is
// recorded stands under one of these names, and to look for words in each again costs more than to write it. Names that
// another service declares are looked at each time.
var declaredKeys = readDeclaredKeys()

func readDeclaredKeys() map[string]bool {
	keys, market := map[string]bool{}, catalogue.Market()
	for _, span := range market.Spans {
		for _, attribute := range span.Attributes() {
			keys[attribute.Name] = redact.Key(attribute.Name)
		}
	}
	for _, line := range append(market.Lines, catalogue.EveryLine()) {
		for _, field := range line.Fields() {
			keys[field.Name] = redact.Key(field.Name)
		}
	}
	return keys
}

func isSecretKey(key string) bool {
	if secret, declared := declaredKeys[key]; declared {
		return secret
	}
	return redact.Key(key)
}
