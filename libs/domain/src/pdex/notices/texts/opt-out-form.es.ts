/** The form with which a member opts out, in Spanish. */
export const OPT_OUT_FORM_ES = `
# Decir que no

Use esta hoja si no quiere que {{payer}} dé sus datos de salud a los médicos.

## Quién es usted {#person}

- Nombre: {{line}}
- Fecha en que nació: {{line}}
- Número de miembro en su tarjeta: {{line}}

## Qué quiere usted {#choice}

Marque solo una:

- {{box}} No den mis datos a ningún médico.
- {{box}} No den mis datos a estos médicos o clínicas: {{line}}

## No tiene que decir por qué {#reason}

Si quiere, lo puede poner aquí: {{line}}

## Firme aquí {#signature}

- Firma: {{line}}
- Fecha: {{line}}

¿Firma por otra persona? Ponga aquí el nombre de usted: {{line}}

Mande también un papel que muestra que lo puede hacer.

## Adónde la manda {#contacts}

Mande la hoja a {{address}}. También puede llamar al {{phone}} (TTY {{tty}}) o ir a {{optOutLink}}.

Los médicos guardan los datos que ya tienen. Sus servicios y su plan no cambian. Puede decir que sí otra vez
en todo momento.

{{counsel}}
`;
