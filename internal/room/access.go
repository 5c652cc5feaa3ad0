package room

// GuestPolicy says what users without a login may do.
type GuestPolicy string

// The policies.
const (
	GuestsOff   GuestPolicy = "none"  // there are none
	GuestsRooms GuestPolicy = "rooms" // they may join rooms that allow it, and talk to the bot
	GuestsFull  GuestPolicy = "full"  // they may write direct messages as well
)

// access is what a user may do in a room.
type access struct {
	place
	record *Record // of KindRoom
	send   bool
	title  string
}

var (
	errNoRoom    = refuse(codeNoRoom, "there is no such room")
	errForbidden = refuse(codeForbidden, "this room is not open to you")
	errNoSend    = refuse(codeForbidden, "nothing may be sent to this room")
)

// access returns what a user may do in a room, or why nothing. It is asked for
// every join and every send, and costs no question to the store.
func (s *Service) access(who Identity, name string) (access, error) {
	p, ok := parseName(name)
	if !ok {
		return access{}, errNoRoom
	}
	a := access{place: p, send: true, title: name}
	allowed := false
	switch p.kind {
	case KindRoom:
		if a.record = s.registry.room(name); a.record == nil {
			return a, errNoRoom
		}
		allowed = a.record.admits(who)
		if a.record.Title != "" {
			a.title = a.record.Title
		}
	case KindDM:
		allowed = (p.a == who.User || p.b == who.User) && (!who.Guest || s.cfg.Guests == GuestsFull)
		if allowed && reserved(p.other(who.User)) {
			return a, errNoRoom
		}
		a.title = s.nameOf(p.other(who.User))
	case KindBot:
		if s.cfg.Bot == nil {
			return a, errNoRoom
		}
		allowed = p.a == who.User || who.Operator
		a.send = p.a == who.User
		a.title = s.cfg.BotName
	case KindUser:
		allowed, a.send = p.a == who.User, false
	case KindLINE:
		allowed, a.send = who.Operator, false
	}
	if !allowed {
		return a, errForbidden
	}
	return a, nil
}

// toBot reports whether what is sent to a room goes to the bot.
func (a access) toBot() bool { return a.kind == KindBot || a.record != nil && a.record.Bot }

// nameOf returns a user's name, or the ID where none is known.
func (s *Service) nameOf(user string) string {
	if name := s.registry.userName(user); name != "" {
		return name
	}
	return user
}
