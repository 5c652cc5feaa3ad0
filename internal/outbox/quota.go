package outbox

// Quota is told what counts towards the monthly quota of a channel. Its methods
// may be called concurrently and must not wait.
type Quota interface {
	// Sent says that LINE took a call that counts, for so many recipients: 1
	// for a group, whose members are not known here, and 0 for a broadcast, as
	// nobody knows.
	Sent(recipients int)
	// Exceeded says that LINE refused a call for the monthly limit.
	Exceeded()
}

// noQuota is told of what nobody wants to know.
type noQuota struct{}

func (noQuota) Sent(int)  {}
func (noQuota) Exceeded() {}

// tellQuota tells of a call that LINE took.
func (s *sender) tellQuota(k *call) {
	switch k.way {
	case wayPush:
		s.channel.Quota.Sent(1)
	case wayMulticast:
		s.channel.Quota.Sent(len(k.users()))
	case wayBroadcast:
		s.channel.Quota.Sent(0)
	}
}

// Backlog returns what of a channel waits to be sent.
func (o *Outbox) Backlog(channel string) Backlog {
	if s := o.senders[channel]; s != nil {
		return s.backlog()
	}
	return Backlog{}
}
