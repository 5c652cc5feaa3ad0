package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/campaign"
)

// NewCampaignID makes up an ID. Who gives it to CreateCampaign can call that again
// when it is not known whether the first call arrived.
func NewCampaignID() string { return campaign.NewID(time.Now()) }

// Campaigns returns the newest campaigns.
func (a *Admin) Campaigns(ctx context.Context, q CampaignQuery) (page CampaignPage, err error) {
	err = a.call(ctx, http.MethodGet, "/campaigns", q.values(), &page)
	return page, err
}

// Campaign returns a campaign with its messages; ErrNotFound when there is none.
func (a *Admin) Campaign(ctx context.Context, id string) (row CampaignRow, err error) {
	err = a.call(ctx, http.MethodGet, campaignPath(id), nil, &row)
	return row, err
}

// PlanCampaign tells what a campaign would do and cost. list has one user ID a
// line, nil for none. Nothing is stored and nothing sent.
func (a *Admin) PlanCampaign(ctx context.Context, c NewCampaign, list io.Reader) (plan CampaignPlan, err error) {
	err = a.submit(ctx, "/campaigns/plan", c, list, &plan)
	return plan, err
}

// CreateCampaign stores a campaign and starts it, or lets it wait for its StartAt. When it fails without an
// answer of the server, the same call with the same ID tells.
func (a *Admin) CreateCampaign(ctx context.Context, c NewCampaign, list io.Reader) (row CampaignRow, err error) {
	err = a.submit(ctx, "/campaigns", c, list, &row)
	return row, err
}

// PauseCampaign stops a campaign until it is resumed. What is in the outbox is
// still sent.
func (a *Admin) PauseCampaign(ctx context.Context, id string) (row CampaignRow, err error) {
	err = a.call(ctx, http.MethodPost, campaignPath(id)+"/pause", nil, &row)
	return row, err
}

// ResumeCampaign lets a paused campaign go on, or wait again for its StartAt.
func (a *Admin) ResumeCampaign(ctx context.Context, id string) (row CampaignRow, err error) {
	err = a.call(ctx, http.MethodPost, campaignPath(id)+"/resume", nil, &row)
	return row, err
}

// CancelCampaign ends a campaign for good. What is in the outbox is still sent; of
// one that has not started, nothing.
func (a *Admin) CancelCampaign(ctx context.Context, id string) (row CampaignRow, err error) {
	err = a.call(ctx, http.MethodPost, campaignPath(id)+"/cancel", nil, &row)
	return row, err
}

func campaignPath(id string) string { return "/campaigns/" + url.PathEscape(id) }

// submit posts a campaign as a form, with its list as it is read.
func (a *Admin) submit(ctx context.Context, path string, c NewCampaign, list io.Reader, into any) error {
	spec, err := json.Marshal(c)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	form := multipart.NewWriter(&buf)
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="campaign"`}, "Content-Type": {"application/json"},
	})
	if err == nil {
		_, err = part.Write(spec)
	}
	if err == nil && list != nil {
		_, err = form.CreateFormFile("users", "users.txt")
	}
	if err != nil { // unreachable: a buffer takes all
		return err
	}
	head := bytes.Clone(buf.Bytes())
	buf.Reset()
	if err := form.Close(); err != nil { // unreachable
		return err
	}
	body := io.MultiReader(bytes.NewReader(head), &buf)
	if list != nil {
		body = io.MultiReader(bytes.NewReader(head), list, &buf)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, adminURL+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	patient := *a.http
	patient.Timeout = 2 * campaignLimit
	return do(&patient, req, into)
}
