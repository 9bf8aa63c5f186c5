package market_test

import (
	"encoding/json"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/farmersmarket/platform/server/market"
)

func TestMoneyReadsAsPeopleWriteIt(t *testing.T) {
	for name, test := range map[string]struct {
		money market.Money
		want  string
	}{
		"cents are two digits":                 {market.Money{Amount: 1205, Currency: market.EUR}, "12.05 EUR"},
		"less than one euro has a leading 0":   {market.Money{Amount: 5, Currency: market.EUR}, "0.05 EUR"},
		"nothing is 0.00":                      {market.Money{Currency: market.EUR}, "0.00 EUR"},
		"a refund has a minus sign":            {market.Money{Amount: -250, Currency: market.EUR}, "-2.50 EUR"},
		"a currency without minor units":       {market.Money{Amount: 1250, Currency: "ISK"}, "1250 ISK"},
		"the least amount there is":            {market.Money{Amount: math.MinInt64, Currency: market.EUR}, "-92233720368547758.08 EUR"},
		"a missing currency leaves the amount": {market.Money{Amount: 7}, "7"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, test.money.String()) })
	}
}

func TestMoneyIsAnIntegerAndACurrencyInJSON(t *testing.T) {
	encoded, err := json.Marshal(market.Money{Amount: 1250, Currency: market.EUR})
	require.NoError(t, err)
	require.JSONEq(t, `{"amount":1250,"currency":"EUR"}`, string(encoded))
}

func TestMoneyOfTwoCurrenciesIsNotAdded(t *testing.T) {
	_, err := market.Money{Amount: 1, Currency: market.EUR}.Add(market.Money{Amount: 1, Currency: "CHF"})
	require.ErrorIs(t, err, market.ErrCurrencyMismatch)
}

// amounts draws amounts of every size, and the edges of int64 often.
func amounts() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{
		math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64,
	}))
}

func TestMoneyIsExactOrSaysThatItOverflows(t *testing.T) {
	for name, operation := range map[string]struct {
		money func(a, b int64) (market.Money, error)
		exact func(a, b *big.Int) *big.Int
	}{
		"sum": {
			money: func(a, b int64) (market.Money, error) {
				return market.Money{Amount: a, Currency: market.EUR}.Add(market.Money{Amount: b, Currency: market.EUR})
			},
			exact: func(a, b *big.Int) *big.Int { return new(big.Int).Add(a, b) },
		},
		"product": {
			money: func(a, b int64) (market.Money, error) { return market.Money{Amount: a, Currency: market.EUR}.Mul(b) },
			exact: func(a, b *big.Int) *big.Int { return new(big.Int).Mul(a, b) },
		},
	} {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			a, b := amounts().Draw(t, "a"), amounts().Draw(t, "b")
			got, err := operation.money(a, b)
			exact := operation.exact(big.NewInt(a), big.NewInt(b))
			if !exact.IsInt64() {
				require.ErrorIs(t, err, market.ErrOverflow)
				return
			}
			require.NoError(t, err)
			require.Equal(t, market.Money{Amount: exact.Int64(), Currency: market.EUR}, got)
		}))
	}
}
