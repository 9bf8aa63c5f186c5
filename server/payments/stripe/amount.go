package stripe

import (
	"fmt"
	"strings"

	"github.com/farmersmarket/platform/server/market"
)

// krona has no minor unit, but Stripe wants it as if it had two digits:
// https://docs.stripe.com/currencies#special-cases.
const (
	krona      market.Currency = "ISK"
	kronaScale int64           = 100
)

// amountOf is the amount as Stripe writes it.
func amountOf(m market.Money) (int64, error) {
	if m.Amount <= 0 {
		return 0, fmt.Errorf("the amount %s is not above zero", m)
	}
	if m.Currency == krona {
		scaled, err := m.Mul(kronaScale)
		return scaled.Amount, err
	}
	return m.Amount, nil
}

func currencyOf(m market.Money) string { return strings.ToLower(string(m.Currency)) }
