/** What the letter to members and the public page both say, in English. */
const TOLD = `## How sharing helps you {#benefits}

- Your doctors see the care that you got from others.
- They know your health problems and your tests.
- You may not need the same test twice.
- They see what care we said yes to.

## What we share {#shared}

We share your data with doctors and clinics in our network who treat you. We share:

- your visits and the care that we paid for
- your health problems, tests and shots, if we have them
- what care we said yes or no to

## What we do not share {#not-shared}

- what you paid and what we paid
- requests to approve a drug
- data that the law keeps private, unless you say yes

## You can say no {#right}

You have the right to say no. This is called "opting out". It is free. You do not need to tell us why. You can
say no for all doctors, or for some of them. You can change your mind at any time.

`;
const AFTER = `## What we sent before {#sent}

Doctors keep the data that they have. We cannot take it back.

## Your care stays the same {#care}

You may say yes or no. Your care and your benefits do not change.

`;

/** The letter to members, in English. */
export const MEMBER_NOTICE_EN = `
# Your health data and your doctors

Dear member,

{{payer}} can share your health data with your doctors. This letter says how sharing helps you. It also says
how you can say no.

${TOLD}## How to say no {#opt-out}

Choose one of these ways:

- Go to {{optOutLink}}.
- Call {{phone}} (TTY {{tty}}).
- Fill in the opt-out form and mail it to {{address}}.

When we have your form or your call, we stop. Doctors will not get your data from us after that.

## How to say yes again {#opt-in}

You can say yes again at any time. Use the same link, the same phone number or the opt-in form. Then we can
share your data again.

${AFTER}## Do you have questions? {#contacts}

- Call {{phone}} (TTY {{tty}}).
- Write to {{email}}.
- Mail a letter to {{address}}.
- Read more at {{noticeLink}}.

{{counsel}}
`;

/** The public page for members, in English. */
export const WEB_PAGE_EN = `
# Your health data and your doctors

{{payer}} can share your health data with your doctors. This page says how sharing helps you. It also says how
you can say no.

${TOLD}## How to say no {#opt-out}

Choose one of these ways:

- Go to {{optOutLink}}.
- Call {{phone}} (TTY {{tty}}).
- Print {{optOutForm}}, fill it in and mail it to {{address}}.

When we have your form or your call, we stop. Doctors will not get your data from us after that.

## How to say yes again {#opt-in}

You can say yes again at any time. Use the same link, the same phone number or {{optInForm}}. Then we can
share your data again.

${AFTER}## Do you have questions? {#contacts}

- Call {{phone}} (TTY {{tty}}).
- Write to {{email}}.
- Mail a letter to {{address}}.

{{counsel}}
`;
