/** The form with which a member opts back in, in Spanish. */
export const OPT_IN_FORM_ES = `
# Decir que sí otra vez

Usted le dijo a {{payer}} que no dé sus datos de salud. Use esta hoja si quiere que los demos otra vez.

## Quién es usted {#person}

- Nombre: {{line}}
- Fecha en que nació: {{line}}
- Número de miembro en su tarjeta: {{line}}

## Qué quiere usted {#choice}

Marque solo una:

- {{box}} Den mis datos a todos los médicos de la red que me tratan.
- {{box}} Den mis datos otra vez a estos médicos o clínicas: {{line}}

Si usted dijo que no para todos los médicos, no basta con la segunda. Marque la primera.

## Firme aquí {#signature}

- Firma: {{line}}
- Fecha: {{line}}

¿Firma por otra persona? Ponga aquí el nombre de usted: {{line}}

Mande también un papel que muestra que lo puede hacer. Sin ese papel no podemos dar los datos.

## Adónde la manda {#contacts}

Mande la hoja a {{address}}. También puede llamar al {{phone}} (TTY {{tty}}) o ir a {{optOutLink}}.

Puede decir que no otra vez en todo momento. Sus servicios y su plan no cambian.

{{counsel}}
`;
