/** The form with which a member opts back in, in English. */
export const OPT_IN_FORM_EN = `
# Say yes to sharing again

You told {{payer}} not to share your health data. Use this form if you want us to share it again.

## Who you are {#person}

- Name: {{line}}
- Date of birth: {{line}}
- Member number on your card: {{line}}

## What you want {#choice}

Check one box:

- {{box}} Share my data with all doctors in the network who treat me.
- {{box}} Share my data again with these doctors or clinics: {{line}}

If you said no to all doctors, the second box is not enough. Then check the first one.

## Sign here {#signature}

- Signed: {{line}}
- Date: {{line}}

Do you sign for someone else? Then write your name here: {{line}}

Send us a paper that shows that you may do so. We need it before we can share.

## Where to send it {#contacts}

Mail it to {{address}}. You can also call {{phone}} (TTY {{tty}}) or go to {{optOutLink}}.

You can say no again at any time. Your care and your benefits do not change.

{{counsel}}
`;
