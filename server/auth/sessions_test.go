package auth_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/market/markettest"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/server/store/storetest"
	"github.com/farmersmarket/platform/telemetry"
	"github.com/farmersmarket/platform/telemetry/telemetrytest"
)

// desk is where people register and log in.
type desk struct {
	*auth.Sessions

	store *store.Store
	clock *markettest.Clock
}

func sessions(t *testing.T, s *store.Store, clock market.Clock, params auth.Params) *auth.Sessions {
	t.Helper()
	tel, err := telemetry.Start(telemetry.Config{Service: "test", Logs: io.Discard})
	require.NoError(t, err)
	return auth.NewSessions(auth.Options{
		Store: s, Tokens: tokens(t, clock, "a"), Hasher: auth.NewHasher(params, 4),
		Limits: auth.Limits{PerAccount: 3, PerClient: 6, Window: 15 * time.Minute}, TTL: time.Hour, Clock: clock, Metrics: tel.Metrics,
	})
}

// each runs the test once per kind of database, with nora@example.org registered.
func each(t *testing.T, test func(t *testing.T, d desk)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		clock := markettest.NewClock(noon)
		d := desk{Sessions: sessions(t, s, clock, cheap()), store: s, clock: clock}
		register(t, d, "nora@example.org")
		test(t, d)
	})
}

func register(t *testing.T, d desk, email string) {
	t.Helper()
	require.NoError(t, d.Register(t.Context(), auth.Registration{
		Email: email, Name: "Nora Byrne", Password: password, Role: market.Customer, Client: "registrar of " + email,
	}))
}

func (d desk) login(t *testing.T) auth.Grant {
	t.Helper()
	grant, err := d.Login(t.Context(), "nora@example.org", password, "192.0.2.1")
	require.NoError(t, err)
	return grant
}

// requireAccess requires that the access token is good, or not.
func (d desk) requireAccess(t *testing.T, token string, want bool) {
	t.Helper()
	p, err := d.Authenticate(token)
	if err == nil {
		_, err = d.Confirm(t.Context(), p)
	}
	if want {
		require.NoError(t, err)
	} else {
		require.ErrorIs(t, err, market.ErrUnauthenticated)
	}
}

func TestALoginOpensASessionThatCanBeRenewedUntilItsEnd(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		grant, err := d.Login(t.Context(), " Nora@Example.ORG ", password, "192.0.2.1")
		require.NoError(t, err)
		require.Equal(t, "nora@example.org", grant.Account.Email)
		require.Equal(t, noon.Add(time.Hour), grant.RefreshExpires)
		d.requireAccess(t, grant.AccessToken, true)

		d.clock.Set(noon.Add(16 * time.Minute))
		d.requireAccess(t, grant.AccessToken, false)
		renewed, err := d.Refresh(t.Context(), grant.RefreshToken)
		require.NoError(t, err)
		require.Equal(t, noon.Add(time.Hour), renewed.RefreshExpires, "renewing does not move the end")
		d.requireAccess(t, renewed.AccessToken, true)

		d.clock.Set(noon.Add(time.Hour))
		_, err = d.Refresh(t.Context(), renewed.RefreshToken)
		require.ErrorIs(t, err, market.ErrUnauthenticated)
		require.ErrorContains(t, err, "the session has ended")
	})
}

func TestARefreshTokenUsedTwiceEndsTheSessionForBoth(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		other, stolen := d.login(t), d.login(t)
		second, err := d.Refresh(t.Context(), stolen.RefreshToken)
		require.NoError(t, err)
		third, err := d.Refresh(t.Context(), second.RefreshToken)
		require.NoError(t, err)

		_, err = d.Refresh(t.Context(), stolen.RefreshToken)
		require.ErrorIs(t, err, market.ErrUnauthenticated)
		require.ErrorContains(t, err, "used before")
		_, err = d.Refresh(t.Context(), third.RefreshToken)
		require.ErrorIs(t, err, market.ErrUnauthenticated, "the newest of the family is void as well")

		_, err = d.Refresh(t.Context(), other.RefreshToken)
		require.NoError(t, err, "another session of the account goes on")
	})
}

func TestOfManyRefreshesAtOnceWithOneTokenAtMostOneSucceeds(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		grant := d.login(t)
		results := make([]error, 8)
		var group errgroup.Group
		for i := range results {
			group.Go(func() error {
				_, results[i] = d.Refresh(t.Context(), grant.RefreshToken)
				return nil
			})
		}
		require.NoError(t, group.Wait())
		succeeded := 0
		for _, err := range results {
			if err == nil {
				succeeded++
			} else {
				require.ErrorIs(t, err, market.ErrUnauthenticated)
			}
		}
		require.Equal(t, 1, succeeded)
	})
}

func TestTokensThatAreNoneOpenNothing(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		grant := d.login(t)
		for name, token := range map[string]string{
			"nothing":                "",
			"an access token":        grant.AccessToken,
			"a session and no more":  grant.RefreshToken[:36],
			"no such session":        "5d0f8a43-6f1f-4d7b-9c22-2b7d3c1e58a4" + grant.RefreshToken[36:],
			"a secret that is short": grant.RefreshToken[:len(grant.RefreshToken)-2],
		} {
			t.Run(name, func(t *testing.T) {
				_, err := d.Refresh(t.Context(), token)
				require.ErrorIs(t, err, market.ErrUnauthenticated)
				require.NoError(t, d.Logout(t.Context(), token))
			})
		}
		_, err := d.Refresh(t.Context(), grant.RefreshToken)
		require.NoError(t, err, "none of them ended the session")
	})
}

func TestALogoutEndsOneSession(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		grant, other := d.login(t), d.login(t)
		require.NoError(t, d.Logout(t.Context(), grant.RefreshToken))
		require.NoError(t, d.Logout(t.Context(), grant.RefreshToken), "a second time, too")
		_, err := d.Refresh(t.Context(), grant.RefreshToken)
		require.ErrorIs(t, err, market.ErrUnauthenticated)
		_, err = d.Refresh(t.Context(), other.RefreshToken)
		require.NoError(t, err)
	})
}

func TestAnotherPasswordEndsEverySessionAndVoidsEveryToken(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		before, elsewhere := d.login(t), d.login(t)
		d.requireAccess(t, elsewhere.AccessToken, true)
		principal, err := d.Authenticate(before.AccessToken)
		require.NoError(t, err)

		_, err = d.ChangePassword(t.Context(), principal, "not-the-password", "hazel-Sunday-medlar", "192.0.2.1")
		require.ErrorIs(t, err, market.ErrUnauthenticated)
		_, err = d.ChangePassword(t.Context(), principal, password, "short", "192.0.2.1")
		require.ErrorIs(t, err, market.ErrInvalid)
		d.requireAccess(t, before.AccessToken, true)

		after, err := d.ChangePassword(t.Context(), principal, password, "hazel-Sunday-medlar", "192.0.2.1")
		require.NoError(t, err)
		for _, old := range []auth.Grant{before, elsewhere} {
			d.requireAccess(t, old.AccessToken, false)
			_, err = d.Refresh(t.Context(), old.RefreshToken)
			require.ErrorIs(t, err, market.ErrUnauthenticated)
		}
		d.requireAccess(t, after.AccessToken, true)
		_, err = d.Login(t.Context(), "nora@example.org", password, "192.0.2.1")
		require.ErrorIs(t, err, market.ErrUnauthenticated)
		_, err = d.Login(t.Context(), "nora@example.org", "hazel-Sunday-medlar", "192.0.2.1")
		require.NoError(t, err)
	})
}

func TestATokenIssuedByAnotherProcessAfterThePasswordChangedIsGood(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		grant := d.login(t)
		d.requireAccess(t, grant.AccessToken, true) // this process now knows the account
		principal, err := d.Authenticate(grant.AccessToken)
		require.NoError(t, err)
		elsewhere := sessions(t, d.store, d.clock, cheap())
		after, err := elsewhere.ChangePassword(t.Context(), principal, password, "hazel-Sunday-medlar", "192.0.2.1")
		require.NoError(t, err)
		d.requireAccess(t, after.AccessToken, true)
		d.requireAccess(t, grant.AccessToken, false)
	})
}

func TestAnAccountThatIsGoneHasNoAccess(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		grant := d.login(t)
		_, err := d.store.DB().ExecContext(t.Context(), "DELETE FROM accounts")
		require.NoError(t, err)
		d.requireAccess(t, grant.AccessToken, false)
		_, err = d.Refresh(t.Context(), grant.RefreshToken)
		require.ErrorIs(t, err, market.ErrUnauthenticated)
	})
}

func TestTheRoleIsTheOneNow(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		principal, err := d.Authenticate(d.login(t).AccessToken)
		require.NoError(t, err)
		require.Empty(t, principal.Role, "the token does not say")
		confirmed, err := d.Confirm(t.Context(), principal)
		require.NoError(t, err)
		require.Equal(t, market.Customer, confirmed.Role)

		accounts := market.NewAccounts(d.store, d.clock)
		_, err = accounts.SetRole(t.Context(), market.Actor{ID: "an admin", Role: market.Admin}, principal.AccountID, nil, market.MarketManager)
		require.NoError(t, err)
		d.Forget(principal.AccountID)
		confirmed, err = d.Confirm(t.Context(), principal)
		require.NoError(t, err)
		require.Equal(t, market.MarketManager, confirmed.Role)
	})
}

func TestRegisteringAgainTellsNothingAndChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		require.NoError(t, d.Register(t.Context(), auth.Registration{
			Email: "NORA@example.org", Name: "Somebody", Password: "hazel-Sunday-medlar", Role: market.FarmOwner, Client: "192.0.2.1",
		}))
		grant := d.login(t)
		require.Equal(t, "Nora Byrne", grant.Account.Name)
		require.Equal(t, market.Customer, grant.Account.Role)
	})
}

func TestNobodyRegistersAsOneWhoRunsTheMarket(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		for _, role := range []market.Role{market.Admin, market.MarketManager, "", "root"} {
			err := d.Register(t.Context(), auth.Registration{Email: "a@example.org", Name: "A", Password: password, Role: role, Client: "c"})
			require.ErrorIs(t, err, market.ErrInvalid, role)
		}
	})
}

func TestAWrongPasswordAndAnUnknownAddressAreRefusedAlike(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		_, known := d.Login(t.Context(), "nora@example.org", "not-the-password", "192.0.2.1")
		_, unknown := d.Login(t.Context(), "nobody@example.org", "not-the-password", "192.0.2.1")
		_, noAddress := d.Login(t.Context(), "nobody", "not-the-password", "192.0.2.1")
		require.ErrorIs(t, known, market.ErrUnauthenticated)
		require.Equal(t, known, unknown)
		require.Equal(t, known, noAddress)
	})
}

func TestTooManyAttemptsOnAnAccountAreRefusedUntilTheWindowEnds(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		for name, email := range map[string]string{"that there is": "nora@example.org", "that there is not": "nobody@example.org"} {
			t.Run("on an account "+name, func(t *testing.T) {
				for i := range 3 {
					_, err := d.Login(t.Context(), email, "not-the-password", fmt.Sprintf("198.51.100.%d", i))
					require.ErrorIs(t, err, market.ErrUnauthenticated)
				}
				_, err := d.Login(t.Context(), email, password, "198.51.100.9")
				var throttled *auth.ThrottledError
				require.ErrorAs(t, err, &throttled, "the right password is not looked at either")
				require.Equal(t, 15*time.Minute, throttled.RetryAfter)
			})
		}
		d.clock.Set(noon.Add(15 * time.Minute))
		d.login(t)
	})
}

func TestTooManyAttemptsFromOneClientAreRefusedWhateverTheAccount(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		for i := range 6 {
			_, err := d.Login(t.Context(), fmt.Sprintf("guess%d@example.org", i), password, "203.0.113.1")
			require.ErrorIs(t, err, market.ErrUnauthenticated)
		}
		var throttled *auth.ThrottledError
		_, err := d.Login(t.Context(), "nora@example.org", password, "203.0.113.1")
		require.ErrorAs(t, err, &throttled)
		err = d.Register(t.Context(), auth.Registration{
			Email: "b@example.org", Name: "B", Password: password, Role: market.Customer, Client: "203.0.113.1",
		})
		require.ErrorAs(t, err, &throttled)
		_, err = d.Login(t.Context(), "nora@example.org", password, "203.0.113.2")
		require.NoError(t, err, "another client is not held up")
	})
}

func TestAttemptsAtOnceAreCountedEach(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		results := make([]error, 12)
		var group errgroup.Group
		for i := range results {
			group.Go(func() error {
				_, results[i] = d.Login(t.Context(), "nora@example.org", "not-the-password", fmt.Sprintf("198.51.100.%d", i))
				return nil
			})
		}
		require.NoError(t, group.Wait())
		looked := 0
		for _, err := range results {
			var throttled *auth.ThrottledError
			if !bytes.Contains([]byte(err.Error()), []byte("too many")) {
				require.NotErrorAs(t, err, &throttled)
				looked++
			}
		}
		require.Equal(t, 3, looked)
	})
}

func TestASuccessForgetsTheFailuresBeforeIt(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		for range 4 {
			for i := range 2 {
				_, err := d.Login(t.Context(), "nora@example.org", "not-the-password", fmt.Sprintf("198.51.100.%d", i))
				require.ErrorIs(t, err, market.ErrUnauthenticated)
			}
			_, err := d.Login(t.Context(), "nora@example.org", password, "192.0.2.1")
			require.NoError(t, err)
		}
	})
}

func TestAHashIsMadeAnewWhenTheParametersHaveChanged(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		before, err := d.store.CredentialsOf(t.Context(), "nora@example.org")
		require.NoError(t, err)
		stronger := sessions(t, d.store, d.clock, auth.Params{Memory: 16, Passes: 2, Threads: 1})
		_, err = stronger.Login(t.Context(), "nora@example.org", password, "192.0.2.1")
		require.NoError(t, err)
		after, err := d.store.CredentialsOf(t.Context(), "nora@example.org")
		require.NoError(t, err)
		require.Contains(t, before.PasswordHash, "m=8,t=1")
		require.Contains(t, after.PasswordHash, "m=16,t=2")
		require.Equal(t, before.Version, after.Version, "nobody is logged out by it")
		d.login(t)
	})
}

func TestWhatHasExpiredIsForgotten(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		d.login(t)
		_, err := d.Login(t.Context(), "nobody@example.org", password, "198.51.100.1")
		require.ErrorIs(t, err, market.ErrUnauthenticated)
		d.clock.Set(noon.Add(2 * time.Hour))
		d.login(t)
		for table, want := range map[string]int{"sessions": 1, "login_attempts": 2} {
			var count int
			require.NoError(t, d.store.DB().QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&count))
			require.Equal(t, want, count, table)
		}
	})
}

func TestSecretsStayOutOfTheDatabaseTheSpansAndTheErrors(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		collector := telemetrytest.NewCollector(t)
		var logs bytes.Buffer
		tel, err := telemetry.Start(telemetry.Config{
			Service: "test", Logs: &logs, LogLevel: slog.LevelDebug, OTLPEndpoint: collector.Addr, OTLPInsecure: true, SampleRatio: 1,
		})
		require.NoError(t, err)
		s.Observe(tel.DatabaseHook(s.System(), s.Name()))
		clock := markettest.NewClock(noon)
		d := desk{Sessions: sessions(t, s, clock, cheap()), store: s, clock: clock}
		register(t, d, "nora@example.org")
		grant := d.login(t)
		renewed, err := d.Refresh(t.Context(), grant.RefreshToken)
		require.NoError(t, err)
		_, reused := d.Refresh(t.Context(), grant.RefreshToken)
		_, wrong := d.Login(t.Context(), "nora@example.org", "a-wrong-planted-secret", "192.0.2.1")
		credentials, err := s.CredentialsOf(t.Context(), "nora@example.org")
		require.NoError(t, err)
		require.NoError(t, tel.Shutdown(t.Context()))
		require.NotEmpty(t, collector.Spans())

		var stored bytes.Buffer
		for _, column := range []string{"password_hash FROM accounts", "token_hash FROM sessions", "key FROM login_attempts"} {
			rows, err := s.DB().DB.QueryContext(t.Context(), "SELECT "+column)
			require.NoError(t, err)
			for rows.Next() {
				var text string
				require.NoError(t, rows.Scan(&text))
				stored.WriteString(text + "\n")
			}
			require.NoError(t, rows.Err())
		}
		outputs := fmt.Sprint(collector.Spans(), logs.String(), reused, wrong)
		for _, secret := range []string{
			password, "a-wrong-planted-secret", grant.RefreshToken, grant.RefreshToken[37:], renewed.RefreshToken[37:], grant.AccessToken,
		} {
			require.NotContains(t, outputs, secret)
			require.NotContains(t, stored.String(), secret)
		}
		for _, kept := range []string{credentials.PasswordHash, "nora@example.org"} {
			require.NotContains(t, outputs, kept)
		}
	})
}
