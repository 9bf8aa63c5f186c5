package telemetry

import (
	"github.com/farmersmarket/platform/telemetry/catalogue"
	"github.com/farmersmarket/platform/telemetry/redact"
)

// declaredKeys says of every declared attribute and log field whether its name gives away a secret: nearly all that is
// recorded stands under one of these names, and to look for words in each again costs more than to write it.
var declaredKeys = readDeclaredKeys()

func readDeclaredKeys() map[string]bool {
	keys := map[string]bool{}
	for _, span := range catalogue.Spans() {
		for _, attribute := range span.Attributes() {
			keys[attribute.Name] = redact.Key(attribute.Name)
		}
	}
	for _, field := range catalogue.Fields() {
		keys[field.Name] = redact.Key(field.Name)
	}
	return keys
}

func isSecretKey(key string) bool {
	if secret, declared := declaredKeys[key]; declared {
		return secret
	}
	return redact.Key(key)
}
