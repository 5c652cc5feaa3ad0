package gateway

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"time"

	"github.com/line-frontdesk/frontdesk/line/rule"
)

const (
	// statelessLife is the life of a stateless channel access token, shortLife
	// that of a short-lived one ("Channel access token").
	statelessLife = 15 * time.Minute
	shortLife     = 30 * 24 * time.Hour
	// scope is what LINE says of every channel access token.
	scope = "profile chat_message.write"
)

// oauthError is the error form of the channel access token API
// (channel-access-token.yml).
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func oauthRefused(code, description string) (answer, error) {
	return answer{status: http.StatusBadRequest, body: oauthError{code, description}}, nil
}

// issuedToken is the answer that carries a token.
type issuedToken struct {
	Type    string `json:"token_type"`
	Token   string `json:"access_token"`
	Expires int    `json:"expires_in"` // seconds
}

// issueStateless answers POST /oauth2/v3/token.
func (g *Gateway) issueStateless(c *call) (answer, error) { return g.issue(c, statelessLife) }

// issueShortLived answers POST /v2/oauth/accessToken.
func (g *Gateway) issueShortLived(c *call) (answer, error) { return g.issue(c, shortLife) }

// issue answers a call with a channel's ID and secret with a token that the API
// takes from its bot. Tokens need no place here: they hold what they stand for.
func (g *Gateway) issue(c *call, life time.Duration) (answer, error) {
	form := c.form()
	if form.Get("grant_type") != "client_credentials" {
		return oauthRefused("unsupported_grant_type", "grant_type must be client_credentials")
	}
	ch := g.byCredentials(form.Get("client_id"), form.Get("client_secret"))
	if ch == nil {
		return oauthRefused("invalid_client", "invalid client_id or client_secret")
	}
	token := g.seal.make(sealedAccess, accessToken{Channel: ch.Name, Until: time.Now().Add(life).UnixMilli()})
	return answer{body: issuedToken{"Bearer", token, int(life / time.Second)}}, nil
}

// byCredentials returns the channel of an ID and a secret; nil for none.
func (g *Gateway) byCredentials(id, secret string) (found *channel) {
	for _, ch := range g.channels {
		if ch.ID == "" || ch.ID != id {
			continue
		}
		for _, s := range ch.Secrets {
			if subtle.ConstantTimeCompare([]byte(s), []byte(secret)) == 1 {
				found = ch
			}
		}
	}
	return found
}

// verify answers POST /v2/oauth/verify and GET /oauth2/v2.1/verify.
func (g *Gateway) verify(c *call) (answer, error) {
	token := c.form().Get("access_token")
	ch := g.byToken(token, time.Now())
	if ch == nil {
		return oauthRefused("invalid_request", "access token expired")
	}
	left := shortLife // of a token without an end
	if t, ok := g.seal.openAccess(token); ok {
		left = time.Until(time.UnixMilli(t.Until))
	}
	return answer{body: map[string]any{"client_id": ch.ID, "expires_in": int64(left / time.Second), "scope": scope}}, nil
}

// revoke answers the calls that end a token. The channel's own is not the bot's to
// end, and one that was issued here ends by itself.
func (g *Gateway) revoke(*call) (answer, error) { return answer{body: empty{}}, nil }

// noSuchToken answers the rest of the channel access token API.
func (g *Gateway) noSuchToken(*call) (answer, error) {
	return answer{}, rule.Refuse(http.StatusNotFound, "Not found")
}

// form returns the form that a call has as its body, or in its address.
func (c *call) form() url.Values {
	if c.body == nil {
		return c.r.URL.Query()
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return url.Values{}
	}
	return form
}
