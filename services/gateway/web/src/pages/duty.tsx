export const Duty = () => null;
