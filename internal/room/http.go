package room

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"time"
)

const (
	// cookieName is the cookie of a page's session.
	cookieName = "frontdesk_session"
	// guestLife is how long a guest stays the same one.
	guestLife = 30 * 24 * time.Hour
	// maxSessionBody bounds the body of a request for a session.
	maxSessionBody = 8 << 10
)

// Handler serves the chat:
//
//	GET    /chat/ws       the WebSocket
//	GET    /chat/events   what a WebSocket would bring, as server-sent events
//	POST   /chat/frames   what a client would say over a WebSocket
//	POST   /chat/session  makes a session of a token, or of a guest's name
//	GET    /chat/session  who the session is
//	DELETE /chat/session  ends it
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /chat/ws", s.serveSocket)
	mux.HandleFunc("GET /chat/events", s.shared(s.serveEvents))
	mux.HandleFunc("POST /chat/frames", s.shared(s.serveFrames))
	mux.HandleFunc("OPTIONS /chat/events", s.shared(allowMore))
	mux.HandleFunc("OPTIONS /chat/frames", s.shared(allowMore))
	mux.HandleFunc("POST /chat/session", s.makeSession)
	mux.HandleFunc("GET /chat/session", s.showSession)
	mux.HandleFunc("DELETE /chat/session", s.endSession)
	return mux
}

// cookieOf returns who the cookie says one is, nil for nobody.
func (s *Service) cookieOf(r *http.Request) *Identity {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	who, err := s.signer.check(cookie.Value, time.Now())
	if err != nil || who.Guest && s.cfg.Guests == GuestsOff {
		return nil
	}
	return &who
}

// makeSession answers POST /chat/session.
func (s *Service) makeSession(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") != "same-origin" && r.Header.Get("Sec-Fetch-Site") != "" {
		s.turnAway(w, awayOrigin)
		return
	}
	if allowed, _ := s.allowedOrigin(r); !allowed {
		s.turnAway(w, awayOrigin)
		return
	}
	var in struct{ Name, Token string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSessionBody)).Decode(&in); err != nil {
		answerError(w, http.StatusBadRequest, refuse(codeBadFrame, "the body is no JSON object"))
		return
	}
	var who Identity
	switch {
	case in.Token != "":
		var err error
		if who, err = s.signer.check(in.Token, time.Now()); err != nil {
			answerError(w, http.StatusUnauthorized, refuse(codeForbidden, "token is not valid"))
			return
		}
	case s.cfg.Guests == GuestsOff:
		answerError(w, http.StatusForbidden, refuse(codeForbidden, "there are no guests here: log in"))
		return
	case !validName(in.Name):
		answerError(w, http.StatusBadRequest, refuse(codeBadFrame, "name: 1 to 64 characters"))
		return
	default:
		who = Identity{User: guestID(), Name: in.Name, Guest: true, Expires: time.Now().Add(guestLife)}
	}
	s.setCookie(w, r, s.signer.sign(who), who.Expires)
	answer(w, who)
}

// guestID makes up a user that nobody can guess.
func guestID() string { return "g-" + rand.Text()[:20] }

func (s *Service) showSession(w http.ResponseWriter, r *http.Request) {
	who := s.cookieOf(r)
	if who == nil {
		answerError(w, http.StatusUnauthorized, refuse(codeForbidden, "no session"))
		return
	}
	if who.Guest && time.Until(who.Expires) < guestLife/2 { // one who comes again stays
		who.Expires = time.Now().Add(guestLife)
		s.setCookie(w, r, s.signer.sign(*who), who.Expires)
	}
	answer(w, *who)
}

func (s *Service) endSession(w http.ResponseWriter, r *http.Request) {
	if allowed, _ := s.allowedOrigin(r); !allowed {
		s.turnAway(w, awayOrigin)
		return
	}
	s.setCookie(w, r, "", time.Unix(1, 0))
	w.WriteHeader(http.StatusNoContent)
}

// setCookie sets the cookie of the session. Behind a proxy that ends TLS the
// request says so in X-Forwarded-Proto: a cookie that is Secure too often only
// keeps a page from logging in.
func (s *Service) setCookie(w http.ResponseWriter, r *http.Request, value string, expires time.Time) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: value, Path: "/chat", Expires: expires, HttpOnly: true,
		SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
}

func answer(w http.ResponseWriter, who Identity) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(person{who.User, who.Name}) // the client may be gone
}

func answerError(w http.ResponseWriter, status int, why *refusal) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(errorFrame{T: "error", Code: why.code, Text: why.text, RetryMS: why.retryMS}) // the client may be gone
}
